import { accessSync, constants } from "node:fs";
import { setFlagsFromString } from "node:v8";

/** Semi-spaces of at most 8 MB; V8's default is 16. V8 takes this from its command line only. */
const youngGenerationFlag = "--max-semi-space-size=8";

/**
 * Buffers from 1 MiB get memory of their own, which the system gets back with them. glibc otherwise raises this limit to
 * the size of the largest buffer that was released: Envoy's routes, of a few MB, then leave holes between small objects
 * with each change. glibc takes this from the environment only; other C libraries ignore it.
 */
const bufferVariable = "MALLOC_MMAP_THRESHOLD_";
const bufferLimit = String(2 ** 20);

/** What Node needs when it starts. */
export interface StartSettings {
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Bounds the memory that waits for a garbage collection, or that malloc keeps: where the settings for that are missing,
 * this process starts again with them, under the same process id. Call this before loading modules: V8 sets its first
 * limits by then.
 */
export function boundHeapGrowth(): void {
  const { flags, env } = missingStartSettings(process.execArgv);
  const isMissing = flags.length > 0 || Object.keys(env).length > 0;
  if (isMissing && process.platform !== "win32") {
    startAgain([...flags, ...process.execArgv, ...process.argv.slice(1)], env);
  }
  boundOldGeneration();
}

/** Has no effect where it can't be done: the memory is then larger. */
function startAgain(args: readonly string[], env: StartSettings["env"]): void {
  try {
    // Node aborts if the program can't be started.
    accessSync(process.execPath, constants.X_OK);
    process.execve?.(process.execPath, [process.execPath, ...args], { ...process.env, ...env });
  } catch {
    // The program was replaced, or Node's permission model forbids it.
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

/**
 * The settings that are not given yet.
 *
 * @param given Node's flags; those of NODE_OPTIONS count too, as a flag would win over them
 */
export function missingStartSettings(given: readonly string[]): StartSettings {
  const all = [...given, ...(process.env.NODE_OPTIONS ?? "").split(" ")];
  const hasSize = all.some((flag) => /^--max[-_]semi[-_]space[-_]size/.test(flag));
  const hasLimit = process.env[bufferVariable] !== undefined;
  return {
    flags: hasSize ? [] : [youngGenerationFlag],
    env: hasLimit ? {} : { [bufferVariable]: bufferLimit },
  };
}
