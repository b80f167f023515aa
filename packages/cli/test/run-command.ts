import { Readable } from "node:stream";
import { type Io, main } from "@umbra/cli";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line in this process: without a terminal, colours or standard input, unless `more` provides them. */
export async function runCommand(args: readonly string[], more: Partial<Io> = {}): Promise<Ran> {
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
  const status = await main(["node", "umbra", ...args], io);
  return { status, stdout, stderr };
}
