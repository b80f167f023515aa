import { setTimeout as sleep } from "node:timers/promises";
import { type Child, type ChildOptions, startChild } from "./child.ts";

export interface KeepRunningOptions extends ChildOptions {
  /** What people call it. */
  readonly name: string;
  readonly say: (words: string) => void;
}

export interface KeptProcess {
  /** Resolves when the process can't be kept running. */
  readonly gaveUp: Promise<{ readonly words: string }>;
  readonly pid: () => number | undefined;
  stop(): Promise<void>;
}

/** A process that ends sooner than this after its start did not work. */
const soonMs = 2_000;
const maxSoonEnds = 3;

/** Runs a process and starts it again when it dies; gives up when it dies at once three times in a row. */
export function keepRunning({ name, say, ...options }: KeepRunningOptions): KeptProcess {
  const stopping = new AbortController();
  let child: Child = startChild(options);

  async function keep(): Promise<{ readonly words: string } | undefined> {
    let soonEnds = 0;
    for (;;) {
      const startedMs = performance.now();
      const end = await child.ended;
      if (stopping.signal.aborted) return undefined;
      soonEnds = performance.now() - startedMs < soonMs ? soonEnds + 1 : 0;
      if (soonEnds >= maxSoonEnds) {
        return {
          words: `the ${name} ended ${maxSoonEnds} times in a row (${end.words}), see its messages above`,
        };
      }
      say(`the ${name} ended (${end.words}) and is started again`);
      await sleep(200 * 2 ** soonEnds, undefined, { signal: stopping.signal }).catch(
        () => undefined,
      );
      if (stopping.signal.aborted) return undefined;
      child = startChild(options);
    }
  }

  const kept = keep();
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
