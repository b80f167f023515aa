import type { PoolState } from "@umbra/scheduler";
import type { Utilisation } from "@umbra/shadow";

/** Accumulates the load that the endpoints of a pool report. */
export interface UtilisationSum {
  /** Records a reading, at most one per second. */
  read(state: PoolState, nowMs: number): void;
  readonly sums: Readonly<UtilisationSums>;
}

export interface UtilisationSums {
  readings: number;
  running: number;
  waiting: number;
  kvCache: number;
  kvReadings: number;
}

const everyMs = 1_000;

export function createUtilisation(): UtilisationSum {
  const sums: UtilisationSums = { readings: 0, running: 0, waiting: 0, kvCache: 0, kvReadings: 0 };
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    sums,
    read(state, nowMs) {
      if (nowMs - readAt < everyMs) return;
      readAt = nowMs;
      for (const { metrics: known } of state.snapshot().endpoints) {
        if (known.kind !== "fresh") continue;
        const { metrics } = known;
        sums.readings++;
        sums.running += metrics.runningRequests;
        sums.waiting += metrics.waitingRequests;
        if (metrics.kvCacheUsage === undefined) continue;
        sums.kvReadings++;
        sums.kvCache += metrics.kvCacheUsage;
      }
    },
  };
}

/** Returns the mean over several pools; null without a reading. */
export function meanUtilisation(parts: readonly UtilisationSums[]): Utilisation | null {
  const total = (of: keyof UtilisationSums) => parts.reduce((sum, each) => sum + each[of], 0);
  const readings = total("readings");
  if (readings === 0) return null;
  return {
    running: total("running") / readings,
    waiting: total("waiting") / readings,
    kv_cache: total("kvReadings") === 0 ? 0 : total("kvCache") / total("kvReadings"),
    readings,
  };
}
