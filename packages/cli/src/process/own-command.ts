import { fileURLToPath } from "node:url";
import { missingStartSettings } from "./heap-growth.ts";

/** Returns the command that starts another `umbra` the way this one was started. */
export function ownCommand(args: readonly string[]): {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  const entry = fileURLToPath(new URL("../../bin/umbra.js", import.meta.url));
  // It would start again to set them.
  const { flags, env } = args[0] === "serve" ? missingStartSettings([]) : { flags: [], env: {} };
  return { command: process.execPath, args: [...flags, entry, ...args], env };
}
