import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./child.ts";

export interface KeepRunningOptions {
  /** What people call it. */
  readonly name: string;
  readonly start: () => Child;
  readonly say: (words: string) => void;
  /** False: its first end is the end. True when absent. */
  readonly isRestarted?: boolean;
  /** True: where it ends with status 0 somebody asked it to, and it is not started again. False when absent. */
  readonly mayEndCleanly?: boolean;
  /** Aborted when the command is to end: what ends after that is not started again. */
  readonly signal?: AbortSignal;
  readonly limits?: RestartLimits;
}

/** Times in ms. */
export interface RestartLimits {
  /** A process that ends sooner than this after its start did not work. */
  readonly soonMs: number;
  /** So many of these in a row are one too many. */
  readonly maxSoonEnds: number;
  /** Before the first restart; each further one waits twice as long. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A process that has run for so long is well: the next restart waits no longer than the first. */
  readonly wellMs: number;
}

const defaultRestartLimits: RestartLimits = {
  soonMs: 5_000,
  maxSoonEnds: 4,
  firstDelayMs: 200,
  maxDelayMs: 10_000,
  wellMs: 30_000,
};

export interface KeptProcess {
  /** Resolves when the process can't be kept running. */
  readonly gaveUp: Promise<{ readonly words: string }>;
  readonly pid: () => number | undefined;
  stop(): Promise<void>;
}

/** Runs a process and starts it again when it dies or can't be started, with back-off; gives up when it never works. Its `stop` never rejects for a failed start. */
export function keepRunning(options: KeepRunningOptions): KeptProcess {
  const stopping = new AbortController();
  const given = options.signal;
  const signal = given === undefined ? stopping.signal : AbortSignal.any([stopping.signal, given]);
  let child = startedBy(options.start);
  const kept = keep();

  async function keep(): Promise<{ readonly words: string } | undefined> {
    const { name, say, limits = defaultRestartLimits } = options;
    let soonEnds = 0;
    let restarts = 0;
    for (;;) {
      const startedMs = performance.now();
      const end = await child.ended;
      if (signal.aborted) return undefined;
      const livedMs = performance.now() - startedMs;
      soonEnds = livedMs < limits.soonMs ? soonEnds + 1 : 0;
      if (livedMs >= limits.wellMs) restarts = 0;
      const ended = `${name} ended (${end.words})`;
      const last = lastWords(child);
      if (options.isRestarted === false || (options.mayEndCleanly === true && end.isClean)) {
        return { words: `${ended}; ${last}` };
      }
      if (soonEnds >= limits.maxSoonEnds) return { words: gaveUpWords(ended, soonEnds, last) };
      const delayMs = Math.min(limits.maxDelayMs, limits.firstDelayMs * 2 ** restarts);
      restarts += 1;
      say(`${ended} and is started again in ${delayMs / 1_000} s; ${last}`);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return undefined;
      child = startedBy(options.start);
    }
  }

  return {
    // Stopped on purpose: that is not giving up, and nobody waits for it any more.
    gaveUp: kept.then((end) => end ?? new Promise<never>(() => {})),
    pid: () => child.pid,
    async stop() {
      stopping.abort();
      await child.stop();
      await kept;
    },
  };
}

/** A start that throws, as with a full disk, counts as a process that ended at once: nothing else is stopped for it. */
function startedBy(start: () => Child): Child {
  try {
    return start();
  } catch (cause) {
    return {
      pid: undefined,
      ended: Promise.resolve({
        isClean: false,
        words: `it could not be started: ${(cause as Error).message}`,
      }),
      lastLines: () => [],
      stop: async () => {},
    };
  }
}

function gaveUpWords(ended: string, times: number, last: string): string {
  return `${ended} soon after its start, ${times} times in a row, and is not started again: look for a port that is taken or a bootstrap or flag that it refuses; ${last}`;
}

function lastWords({ lastLines }: Pick<Child, "lastLines">): string {
  const lines = lastLines();
  return lines.length === 0 ? "it said nothing" : `its last lines:\n  ${lines.join("\n  ")}`;
}
