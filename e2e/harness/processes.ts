import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { umbraProcess } from "../../testing/umbra-command.ts";

export { umbra } from "../../testing/umbra-command.ts";

const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];

/** A process under test, with what it wrote. */
export interface Running {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Starts `umbra` as a user does, or as `umbra up` starts `umbra serve`. */
export function startUmbra(...args: readonly string[]): Running {
  const own = umbraProcess(args);
  return follow(spawn(process.execPath, own.args, { stdio, env: own.env }));
}

export function startProcess(command: string, ...args: readonly string[]): Running {
  return follow(spawn(command, args, { stdio }));
}

function follow(child: ChildProcessByStdio<null, Readable, Readable>): Running {
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
  const own = umbraProcess(args);
  const child = spawn(process.execPath, own.args, { stdio, env: own.env });
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
