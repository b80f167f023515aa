import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./child.ts";

export interface KeepRunningOptions {
  /** The process's name in messages. */
  readonly name: string;
  readonly start: () => Child;
  readonly say: (words: string) => void;
  /** False: don't restart the process. True when absent. */
  readonly isRestarted?: boolean;
  /** True: an exit with status 0 was requested, so don't restart. False when absent. */
  readonly mayEndCleanly?: boolean;
  /** Aborted when the command should end: nothing is restarted after that. */
  readonly signal?: AbortSignal;
  readonly limits?: RestartLimits;
}

/** Times in ms. */
export interface RestartLimits {
  /** A process that ends earlier than this counts as a failed start. */
  readonly minLifeMs: number;
  /** Give up after this many failed starts in a row. */
  readonly maxFailedStarts: number;
  /** Delay before the first restart; doubles with each further one. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** A process that ran for this long is healthy: the delay starts again at `firstDelayMs`. */
  readonly healthyMs: number;
}

const defaultRestartLimits: RestartLimits = {
  minLifeMs: 5_000,
  maxFailedStarts: 4,
  firstDelayMs: 200,
  maxDelayMs: 10_000,
  healthyMs: 30_000,
};

export interface KeptProcess {
  /** Resolves with the reason if the process can't be kept running. */
  readonly gaveUp: Promise<{ readonly words: string }>;
  readonly pid: () => number | undefined;
  stop(): Promise<void>;
}

/**
 * Runs a process and restarts it with back-off if it dies or can't start. Gives up after repeated failed starts.
 * `stop` never rejects because of a failed start.
 */
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
      soonEnds = livedMs < limits.minLifeMs ? soonEnds + 1 : 0;
      if (livedMs >= limits.healthyMs) restarts = 0;
      const ended = `${name} ended (${end.words})`;
      const last = lastWords(child);
      if (options.isRestarted === false || (options.mayEndCleanly === true && end.isClean)) {
        return { words: `${ended}; ${last}` };
      }
      if (soonEnds >= limits.maxFailedStarts)
        return { words: giveUpMessage(ended, soonEnds, last) };
      const delayMs = Math.min(limits.maxDelayMs, limits.firstDelayMs * 2 ** restarts);
      restarts += 1;
      say(`${ended}; restarting it in ${delayMs / 1_000} s; ${last}`);
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return undefined;
      child = startedBy(options.start);
    }
  }

  return {
    // Stopped on purpose: this is not giving up, and no one waits for the result.
    gaveUp: kept.then((end) => end ?? new Promise<never>(() => {})),
    pid: () => child.pid,
    async stop() {
      stopping.abort();
      await child.stop();
      await kept;
    },
  };
}

/** A start that throws, e.g. because the disk is full, counts as a process that ended immediately. Other processes keep running. */
function startedBy(start: () => Child): Child {
  try {
    return start();
  } catch (cause) {
    return {
      pid: undefined,
      ended: Promise.resolve({
        isClean: false,
        words: `it can't be started: ${(cause as Error).message}`,
      }),
      lastLines: () => [],
      stop: async () => {},
    };
  }
}

function giveUpMessage(ended: string, times: number, last: string): string {
  return `${ended} soon after its start, ${times} times in a row; giving up. Check for a port that is in use, or a bootstrap or flag that it rejects; ${last}`;
}

function lastWords({ lastLines }: Pick<Child, "lastLines">): string {
  const lines = lastLines();
  return lines.length === 0 ? "it printed nothing" : `its last lines:\n  ${lines.join("\n  ")}`;
}
