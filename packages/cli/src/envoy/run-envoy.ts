import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChildOptions, startChild } from "../process/child.ts";

export interface EnvoyOptions {
  readonly binary: string;
  /** As YAML. */
  readonly bootstrap: string;
  /** Worker threads. */
  readonly concurrency: number;
  readonly onLine?: NonNullable<ChildOptions["onLine"]>;
}

export interface RunningEnvoy {
  readonly pid: number | undefined;
  /** Resolves when Envoy has ended, with its last lines in the words. */
  readonly ended: Promise<{ readonly words: string }>;
  stop(): Promise<void>;
}

/** Starts Envoy with a bootstrap of its own. Several may run at once. */
export function runEnvoy({ binary, bootstrap, concurrency, onLine }: EnvoyOptions): RunningEnvoy {
  const folder = mkdtempSync(join(tmpdir(), "umbra-envoy-"));
  const file = join(folder, "envoy.yaml");
  writeFileSync(file, bootstrap);
  const errors: string[] = [];
  const child = startChild({
    command: binary,
    args: [
      ...["-c", file, "--concurrency", String(concurrency)],
      ...["--log-level", "warning", "--disable-hot-restart"],
    ],
    onLine: (line, from) => {
      if (from === "stderr") errors.push(line);
      if (errors.length > 20) errors.shift();
      onLine?.(line, from);
    },
  });
  const ended = child.ended.then(({ words }) => {
    rmSync(folder, { recursive: true, force: true });
    const last =
      errors.length === 0 ? "it said nothing" : `its last lines:\n  ${errors.join("\n  ")}`;
    return { words: `Envoy ended (${words}); ${last}` };
  });
  return { pid: child.pid, ended, stop: () => child.stop() };
}
