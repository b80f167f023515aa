import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text to write to its standard input, which is then closed. Nothing when absent. */
  readonly input?: string | Uint8Array;
  /** Called for each line of its standard output and standard error. */
  readonly onLine?: (line: string, from: "stdout" | "stderr") => void;
}

/** A child process. */
export interface Child {
  readonly pid: number | undefined;
  /** Its last output lines, to report if it dies. */
  readonly lastLines: () => readonly string[];
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** SIGTERM, then SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

/** How a process ended: `exit status 1`, `signal SIGKILL`, or why it could not start. */
export interface ChildEnd {
  readonly isClean: boolean;
  readonly words: string;
}

const keptLines = 20;

/** Starts a process and reads its output line by line. */
export function startChild({ command, args, env, input, onLine }: ChildOptions): Child {
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  // A child that exits before reading all its input reports the reason itself.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const lines: string[] = [];
  for (const from of ["stdout", "stderr"] as const) {
    createInterface({ input: child[from] }).on("line", (line) => {
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      onLine?.(line, from);
    });
  }
  const ended = endOf(child);
  return {
    pid: child.pid,
    lastLines: () => lines,
    ended,
    async stop(graceMs = 8_000) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once("error", (cause) => resolve({ isClean: false, words: cause.message }));
    // `close` comes after the last line was read; `exit` may come earlier.
    child.once("close", (status, signal) => {
      resolve({
        isClean: status === 0,
        words: signal === null ? `exit status ${status}` : `signal ${signal}`,
      });
    });
  });
}
