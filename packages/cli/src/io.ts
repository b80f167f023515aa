import { readSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";
import { CommandError, UsageError } from "./errors.ts";

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
  /** All of standard input, as bytes if it may not be UTF-8. Throws when it is larger than 16 MiB. */
  readonly readStdin: () => string | Uint8Array;
  /** Standard input piece by piece, without a limit. */
  readonly streamStdin: () => Readable;
}

/** Standard input can be read once: a second read would find nothing, and throws UsageError. */
export function withStdinReadOnce(io: Io): Io {
  let isRead = false;
  const once =
    <T>(read: () => T) =>
    () => {
      if (isRead) throw new UsageError("standard input can be read only once: give `-` only once");
      isRead = true;
      return read();
    };
  return { ...io, readStdin: once(io.readStdin), streamStdin: once(io.streamStdin) };
}

/** The process's own. A second SIGINT or SIGTERM ends the process at once. */
export function processIo(): Io {
  const stopping = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (stopping.signal.aborted) process.exit(name === "SIGINT" ? 130 : 143);
    stopping.abort(name);
  };
  for (const name of stopSignals) process.on(name, stop);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", passOverClosedPipe);
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
    streamStdin() {
      hintOnTerminal();
      return process.stdin;
    },
    readStdin() {
      hintOnTerminal();
      // Reading blocks this thread. Without these listeners the signals end the process, as they must.
      for (const name of stopSignals) process.off(name, stop);
      try {
        return readAllOfStdin();
      } finally {
        for (const name of stopSignals) process.on(name, stop);
      }
    },
  };
}

/** `umbra … | head` closes its end early: what is not read is not needed, and a sidecar goes on without its log. */
function passOverClosedPipe(cause: NodeJS.ErrnoException): void {
  if (cause.code !== "EPIPE") throw cause;
}

const stopSignals = ["SIGINT", "SIGTERM"] as const;
const maxStdinBytes = 16 * 1024 * 1024;

function hintOnTerminal(): void {
  if (!isatty(0)) return;
  process.stderr.write(
    "reading standard input from this terminal: type or paste it, then press Ctrl-D on an empty line\n",
  );
}

/** Also reads from a pipe in non-blocking mode. */
function readAllOfStdin(): Uint8Array {
  const chunks: Buffer[] = [];
  let total = 0;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    try {
      const length = readSync(0, chunk);
      if (length === 0) return Buffer.concat(chunks);
      total += length;
      if (total > maxStdinBytes) throw new CommandError("standard input is larger than 16 MiB");
      chunks.push(chunk.subarray(0, length));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "EOF") return Buffer.concat(chunks);
      if (code !== "EAGAIN") throw cause;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}
