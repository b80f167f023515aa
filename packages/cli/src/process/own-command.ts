import { fileURLToPath } from "node:url";
import { missingYoungGenerationFlags } from "./heap-growth.ts";

/** Returns the command that starts another `umbra` the way this one was started. */
export function ownCommand(args: readonly string[]): {
  readonly command: string;
  readonly args: readonly string[];
} {
  const entry = fileURLToPath(new URL("../../bin/umbra.js", import.meta.url));
  // It would start again to set it.
  const flags = args[0] === "serve" ? missingYoungGenerationFlags([]) : [];
  return { command: process.execPath, args: [...flags, entry, ...args] };
}
