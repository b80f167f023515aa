import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Diagnostic } from "@umbra/envoy-config";

const timeoutMs = 60_000;

/** Validates the bootstrap with Envoy itself. Findings have no line: they are about the bootstrap, not about the resources. */
export function validateWithEnvoy(binary: string, bootstrap: string): readonly Diagnostic[] {
  const folder = mkdtempSync(join(tmpdir(), "umbra-check-"));
  try {
    const file = join(folder, "envoy.yaml");
    writeFileSync(file, bootstrap);
    const { status, signal, stderr, error } = spawnSync(
      binary,
      ["--mode", "validate", "-c", file, "--log-level", "warning", "--log-format", "%L %v"],
      { encoding: "utf8", timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 },
    );
    const output = (stderr ?? "").replaceAll(file, "envoy.yaml").split("\n");
    if (status === 0) return warnings(output);
    const last = output.filter((line) => line.trim() !== "").at(-1);
    const why =
      error?.message ??
      (signal === null ? (last ?? `exit status ${status}`) : `killed by ${signal}`);
    return [finding("error", "UMB0312", `Envoy rejects the bootstrap: ${withoutLevel(why)}`)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function warnings(lines: readonly string[]): readonly Diagnostic[] {
  const found = new Set(lines.filter((line) => /^[WEC] /.test(line)).map(withoutLevel));
  return [...found].map((line) => finding("warning", "UMB0313", `Envoy warns: ${line}`));
}

function withoutLevel(line: string): string {
  return line.replace(/^[WEC] /, "").slice(0, 2_000);
}

function finding(
  severity: Diagnostic["severity"],
  code: "UMB0312" | "UMB0313",
  message: string,
): Diagnostic {
  const remedy = "inspect the bootstrap with umbra render";
  return { severity, code, message, remedy, file: "command line", line: 1, column: 1 };
}
