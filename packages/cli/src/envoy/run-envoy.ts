import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adsClusterName } from "@umbra/envoy-config";
import { type Child, type ChildOptions, startChild } from "../process/child.ts";

export interface EnvoyOptions {
  readonly binary: string;
  /** As YAML. */
  readonly bootstrap: string;
  /** Worker threads. */
  readonly concurrency: number;
  readonly onLine?: NonNullable<ChildOptions["onLine"]>;
}

/** Enough for the backtrace of a crash. */
const keptLines = 40;

/** Envoy says so of each try while the sidecar is away; the sidecar's end is reported already. */
const linkClosed = `gRPC config stream to ${adsClusterName} closed`;

/** Starts Envoy with the given bootstrap. Several instances may run at once. */
export function runEnvoy({ binary, bootstrap, concurrency, onLine }: EnvoyOptions): Child {
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
      if (line.includes(linkClosed)) return;
      if (from === "stderr") errors.push(line);
      if (errors.length > keptLines) errors.shift();
      onLine?.(line, from);
    },
  });
  const ended = child.ended.finally(() => rmSync(folder, { recursive: true, force: true }));
  // Excludes the access log, which goes to standard output.
  return { ...child, ended, lastLines: () => errors };
}
