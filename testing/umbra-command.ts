import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { missingStartSettings } from "../packages/cli/src/process/heap-growth.ts";

const bundled = fileURLToPath(new URL("../.cache/bundle/cli/bin/umbra.js", import.meta.url));
/** The command under test: the built one in a few large files, which start fast; `UMBRA_COMMAND` names another. */
export const umbra: string = resolve(process.env.UMBRA_COMMAND ?? bundled);

/**
 * How to start `umbra` from a test. `umbra serve` gets the settings for which it would start again, as `umbra up` gives them to it:
 * that takes 45 ms of CPU a process, and `packages/cli/test/heap-growth.test.ts` shows that it does it.
 */
export function umbraProcess(args: readonly string[]): {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
} {
  const { flags, env } = args[0] === "serve" ? missingStartSettings([]) : { flags: [], env: {} };
  return { args: [...flags, umbra, ...args], env: { ...process.env, ...env } };
}
