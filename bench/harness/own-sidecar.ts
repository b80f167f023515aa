import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../../packages/cli/bin/umbra.js", import.meta.url));

/**
 * Starts `umbra serve` as it is shipped, in front of these endpoints. They are scraped once a minute: their pages would
 * be measured with the picks. BENCH_PROFILE names a folder for a CPU profile, BENCH_EXEC further flags of Node.
 */
export async function startOwnSidecar(
  endpoints: readonly string[],
): Promise<{ readonly port: number; readonly pid: number; stop(): void }> {
  const { BENCH_PROFILE, BENCH_EXEC } = process.env;
  const child = spawn(
    process.execPath,
    [
      ...(BENCH_PROFILE === undefined
        ? []
        : ["--cpu-prof", `--cpu-prof-dir=${BENCH_PROFILE}`, "--cpu-prof-interval=200"]),
      ...(BENCH_EXEC?.split(" ") ?? []),
      command,
      "serve",
      ...["--primary", endpoints.join(","), "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
      ...["--scrape-interval", "60000", "--stale-after", "86400000"],
    ],
    { stdio: ["ignore", "inherit", "pipe"] },
  );
  const ended = new Promise<never>((_, reject) => {
    child.once("exit", (code) => reject(new Error(`umbra serve ended with status ${code}`)));
  });
  const listening = new Promise<number>((resolve) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      const port = /"grpc":"[^"]*:(\d+)"/.exec(line)?.[1];
      if (port === undefined) process.stderr.write(`${line}\n`);
      else resolve(Number(port));
    });
  });
  const port = await Promise.race([listening, ended]);
  ended.catch(() => {});
  return { port, pid: child.pid as number, stop: () => child.kill("SIGTERM") };
}
