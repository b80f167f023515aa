import type { PoolState } from "@umbra/scheduler";
import type { Utilisation } from "@umbra/shadow";

/** Accumulates the load that the endpoints of a pool report. */
export interface UtilisationSum {
  /** Records a reading, at most one per second. */
  read(nowMs: number): void;
  /** Mean over several pools; null before the first reading. */
  mean(pools: readonly UtilisationSum[]): Utilisation | null;
  readonly sums: Readonly<UtilisationSums>;
}

interface UtilisationSums {
  readings: number;
  running: number;
  waiting: number;
  kvCache: number;
  kvReadings: number;
}

const everyMs = 1_000;

export function createUtilisation(state: PoolState | undefined): UtilisationSum {
  const sums: UtilisationSums = { readings: 0, running: 0, waiting: 0, kvCache: 0, kvReadings: 0 };
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    sums,
    read(nowMs) {
      if (state === undefined || nowMs - readAt < everyMs) return;
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
    mean(pools) {
      const total = (of: keyof UtilisationSums) =>
        pools.reduce((sum, each) => sum + each.sums[of], 0);
      const readings = total("readings");
      if (readings === 0) return null;
      return {
        running: total("running") / readings,
        waiting: total("waiting") / readings,
        kv_cache: total("kvReadings") === 0 ? 0 : total("kvCache") / total("kvReadings"),
        readings,
      };
    },
  };
}
