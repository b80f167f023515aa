import { fileURLToPath } from "node:url";

/** Returns the command that starts another `umbra` the way this one was started. */
export function ownCommand(args: readonly string[]): {
  readonly command: string;
  readonly args: readonly string[];
} {
  const entry = fileURLToPath(new URL("../../bin/umbra.js", import.meta.url));
  return { command: process.execPath, args: [entry, ...args] };
}
