import { accessSync, constants } from "node:fs";
import { setFlagsFromString } from "node:v8";

/** Semi-spaces of at most 8 MB; V8's default is 16. V8 takes this from its command line only. */
const youngGenerationFlag = "--max-semi-space-size=8";

/**
 * Bounds the memory that waits for a garbage collection: for a young generation that stays small, this process starts
 * again with `youngGenerationFlag`, under the same process id, unless such a flag is given. Call this before loading
 * modules: V8 sets its first limits by then.
 */
export function boundHeapGrowth(): void {
  const missing = missingYoungGenerationFlags(process.execArgv);
  if (missing.length > 0 && process.platform !== "win32") {
    const args = [...missing, ...process.execArgv, ...process.argv.slice(1)];
    startAgain([process.execPath, ...args]);
  }
  boundOldGeneration();
}

/** Without effect where it can't be done: the young generation is then larger. */
function startAgain(args: readonly string[]): void {
  try {
    // Node aborts if the program can't be started.
    accessSync(process.execPath, constants.X_OK);
    process.execve?.(process.execPath, args, process.env);
  } catch {
    // Its program was replaced, or Node's permission model forbids it.
  }
}

/**
 * Starts a full garbage collection when the heap is twice the live data; V8's default is up to 4 times. At a few
 * thousand picks per second, garbage of HTTP/2 streams that survive a scavenge would otherwise take 70 MB more
 * (measure with `npm run bench:pick`).
 */
function boundOldGeneration(): void {
  setFlagsFromString("--heap-growing-percent=100");
}

/** Returns `youngGenerationFlag`, unless Node's flags or NODE_OPTIONS give a size: a flag would win over NODE_OPTIONS. */
export function missingYoungGenerationFlags(flags: readonly string[]): readonly string[] {
  const given = [...flags, ...(process.env.NODE_OPTIONS ?? "").split(" ")];
  const isGiven = given.some((flag) => /^--max[-_]semi[-_]space[-_]size/.test(flag));
  return isGiven ? [] : [youngGenerationFlag];
}
