import { readSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";

/** Everything of the outside that a command may touch. */
export interface Io {
  /** Data. */
  readonly stdout: (text: string) => void;
  /** Words. */
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True where `stderr` is a terminal that may be written over and coloured. */
  readonly isTerminal: boolean;
  readonly hasColour: boolean;
  /** Set where somebody sits there who can be asked. */
  readonly terminal?: { readonly input: Readable; readonly output: Writable };
  /** Aborted at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** As bytes where it is still to be seen whether it is UTF-8. */
  readonly readStdin: () => string | Uint8Array;
}

/** The process's own. A second SIGINT or SIGTERM ends the process at once. */
export function processIo(): Io {
  const stopping = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(name === "SIGINT" ? 130 : 143);
      stopping.abort(name);
    });
  }
  const isTerminal = process.stderr.isTTY === true;
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    env: process.env,
    isTerminal,
    hasColour: isTerminal && (process.env.NO_COLOR ?? "") === "",
    // Only then: looking at `process.stdin` makes a pipe one that does not wait, and `readStdin` fails on it.
    ...(isTerminal && isatty(0)
      ? { terminal: { input: process.stdin, output: process.stderr } }
      : {}),
    signal: stopping.signal,
    readStdin: readAllOfStdin,
  };
}

/** Also where standard input does not wait for what comes, as pipes do that somebody has made so. */
function readAllOfStdin(): Uint8Array {
  const chunks: Buffer[] = [];
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    try {
      const length = readSync(0, chunk);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "EOF") return Buffer.concat(chunks);
      if (code !== "EAGAIN") throw cause;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}
