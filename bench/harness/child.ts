import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Starts a server of this folder in a process of its own; it tells its port. BENCH_PROFILE names a folder for CPU profiles. */
export function startServer(name: string, ...args: readonly string[]): Promise<StartedServer> {
  return startServerOf(fileURLToPath(new URL("../..", import.meta.url)), name, ...args);
}

export interface StartedServer {
  readonly port: number;
  readonly child: ChildProcess;
}

/** Starts a server of another checkout, at the path `root`. */
export async function startServerOf(
  root: string,
  name: string,
  ...args: readonly string[]
): Promise<StartedServer> {
  const file = join(root, "bench", "servers", `${name}.ts`);
  const profile = process.env.BENCH_PROFILE;
  const profiling =
    profile === undefined
      ? []
      : [
          "--cpu-prof",
          `--cpu-prof-dir=${profile}`,
          "--cpu-prof-interval=200",
          ...(process.env.BENCH_EXEC?.split(" ") ?? []),
        ];
  const child = fork(file, args, { execArgv: ["--conditions=@umbra/source", ...profiling] });
  const died = once(child, "exit").then(() => {
    throw new Error(`the server ${name} ended before it listened`);
  });
  const [port] = (await Promise.race([once(child, "message"), died])) as [number];
  died.catch(() => {});
  return { port, child };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
