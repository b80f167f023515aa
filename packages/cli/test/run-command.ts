import { Readable } from "node:stream";
import { type Io, main } from "@umbra/cli";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** No terminal, no colour, nothing on standard input unless `more` says so; and what has been written by now. */
export function ioFor(more: Partial<Io> = {}): {
  readonly io: Io;
  readonly ran: () => Omit<Ran, "status">;
} {
  let stdout = "";
  let stderr = "";
  const io: Io = {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    env: {},
    isTerminal: false,
    hasColour: false,
    signal: new AbortController().signal,
    readStdin: () => "",
    streamStdin: () => Readable.from([]),
    ...more,
  };
  return { io, ran: () => ({ stdout, stderr }) };
}

/** Runs one command line in this process. */
export async function runCommand(args: readonly string[], more: Partial<Io> = {}): Promise<Ran> {
  const { io, ran } = ioFor(more);
  const status = await main(["node", "umbra", ...args], io);
  return { status, ...ran() };
}
