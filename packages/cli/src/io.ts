import { readSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";
import { CommandError, UsageError } from "./errors.ts";

/** A command's access to the outside world. */
export interface Io {
  /** Writes data. */
  readonly stdout: (text: string) => void;
  /** Writes messages. */
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True if `stderr` is a terminal that supports overwriting a line. */
  readonly isTerminal: boolean;
  readonly hasColour: boolean;
  /** Set if a user at a terminal can answer prompts. */
  readonly terminal?: { readonly input: Readable; readonly output: Writable };
  /** Aborted at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Reads all of standard input, as bytes because it may not be UTF-8. Throws if it is larger than 16 MiB. */
  readonly readStdin: () => string | Uint8Array;
  /** Streams standard input, without a limit. */
  readonly streamStdin: () => Readable;
}

/** Allows one read of standard input: a second read would find nothing, so it throws UsageError. */
export function withStdinReadOnce(io: Io): Io {
  let isRead = false;
  const once =
    <T>(read: () => T) =>
    () => {
      if (isRead) throw new UsageError("`-` (standard input) can be given only once");
      isRead = true;
      return read();
    };
  return { ...io, readStdin: once(io.readStdin), streamStdin: once(io.streamStdin) };
}

/** Creates the Io of this process. A second SIGINT or SIGTERM ends the process immediately. */
export function processIo(): Io {
  const stopping = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (stopping.signal.aborted) process.exit(name === "SIGINT" ? 130 : 143);
    stopping.abort(name);
  };
  for (const name of stopSignals) process.on(name, stop);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  const isTerminal = process.stderr.isTTY === true;
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    env: process.env,
    isTerminal,
    hasColour: isTerminal && (process.env.NO_COLOR ?? "") === "",
    // Lazy: touching `process.stdin` makes a pipe non-blocking, and then `readStdin` fails.
    ...(isTerminal && isatty(0)
      ? { terminal: { input: process.stdin, output: process.stderr } }
      : {}),
    signal: stopping.signal,
    streamStdin() {
      hintOnTerminal();
      return process.stdin;
    },
    readStdin() {
      // Reading blocks this thread, so signals must end the process. They do so only without these listeners.
      for (const name of stopSignals) process.off(name, stop);
      try {
        hintOnTerminal();
        return readAllOfStdin();
      } finally {
        for (const name of stopSignals) process.on(name, stop);
      }
    },
  };
}

/** Ignores EPIPE. `umbra … | head` closes the pipe early: unread output is not needed, and a sidecar keeps running without its log. */
function ignoreClosedPipe(cause: NodeJS.ErrnoException): void {
  if (cause.code !== "EPIPE") throw cause;
}

const stopSignals = ["SIGINT", "SIGTERM"] as const;
const maxStdinBytes = 16 * 1024 * 1024;

function hintOnTerminal(): void {
  if (!isatty(0)) return;
  process.stderr.write(
    "reading standard input: type or paste the text, then press Ctrl-D on an empty line\n",
  );
}

/** Also works for a pipe in non-blocking mode. */
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
