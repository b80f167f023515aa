import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Starts a server of this folder in a process of its own; it tells its port. BENCH_PROFILE names a folder for CPU profiles. */
export async function startServer(
  name: string,
  ...args: readonly string[]
): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const file = fileURLToPath(new URL(`../servers/${name}.ts`, import.meta.url));
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
