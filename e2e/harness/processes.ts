import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const bundled = fileURLToPath(new URL("../../.cache/bundle/cli/bin/umbra.js", import.meta.url));
/** The command under test: the built one in a few large files, which start fast; `UMBRA_COMMAND` names another. */
export const umbra: string = resolve(process.env.UMBRA_COMMAND ?? bundled);

/** A process under test, with what it wrote. */
export interface Running {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Starts `umbra` as a user does. */
export function startUmbra(...args: readonly string[]): Running {
  return startProcess(process.execPath, umbra, ...args);
}

export function startProcess(command: string, ...args: readonly string[]): Running {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-200_000);
    });
  }
  const ended = once(child, "close");
  return {
    process: child,
    output: () => output,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      // A stopped process takes no SIGTERM.
      child.kill("SIGCONT");
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Runs `umbra` to its end. */
export async function runUmbra(
  ...args: readonly string[]
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [umbra, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  await once(child, "close");
  return { status: child.exitCode, stdout, stderr };
}
