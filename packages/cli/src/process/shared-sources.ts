import { readFileSync, statSync } from "node:fs";
import { normalize } from "node:path";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";

/** What `-f` names, for a command that reads it and hands it on to a child process as well. */
export interface SharedSources {
  /** The same paths; `-` in place of what can be read only once. */
  readonly file?: readonly string[];
  /** Its `readStdin` reads once, whatever the source, and gives the same text again after that. */
  readonly io: Io;
  /** Gives what the child needs on its standard input; absent where the child can read every path itself. */
  readonly input?: () => string | Uint8Array;
}

/**
 * Lets a child process read the same resources. Standard input and pipes (`-f -`, `-f /dev/stdin`, `-f <(command)`) can be
 * read only once, so the child gets their text from here. Throws UsageError for more than one of them.
 */
export function sharedSources(file: readonly string[] | undefined, io: Io): SharedSources {
  const once = (file ?? []).filter((path) => path === "-" || isReadOnce(path));
  const [source] = once;
  if (file === undefined || source === undefined) {
    return { io, ...(file === undefined ? {} : { file }) };
  }
  if (once.length > 1) {
    throw new UsageError(
      `-f takes one pipe or standard input at most, not ${once.join(" and ")}: save all but one as files`,
    );
  }
  let text: string | Uint8Array | undefined;
  const input = () => {
    text ??= source === "-" ? io.readStdin() : readFileSync(source);
    return text;
  };
  return {
    file: file.map((path) => (path === source ? "-" : path)),
    io: { ...io, readStdin: input },
    input,
  };
}

/** Open files of this process: a child has others under the same path, whatever is behind it. */
const openFile = /^\/(dev\/(stdin|fd\/\d+)|proc\/(self|thread-self|\d+)(\/task\/\d+)?\/fd\/\d+)$/;

/** Neither a file nor a folder that a child can open too: a pipe, a socket, a terminal or an open file. */
export function isReadOnce(path: string): boolean {
  if (openFile.test(normalize(path))) return true;
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile() && !stats.isDirectory();
}
