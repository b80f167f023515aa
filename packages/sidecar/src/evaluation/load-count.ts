import type { PoolRegistry } from "../pools/pool-registry.ts";

/** Counts requests by pool and lane, to tell whether both lanes' endpoints carry the same load. */
export interface LoadCount {
  picked(pool: string, lane: "primary" | "shadow"): void;
  /** Requests per endpoint of the shadow pool over those of the primary's; undefined of too few. */
  ratio(primaryPools: readonly string[], shadowPool: string): number | undefined;
}

const minRequests = 100;

export function createLoadCount(pools: PoolRegistry): LoadCount {
  const counts = new Map<string, { primary: number; shadow: number }>();
  const total = (of: readonly string[], lane: "primary" | "shadow") =>
    of.reduce((sum, pool) => sum + (counts.get(pool)?.[lane] ?? 0), 0);
  const endpoints = (of: readonly string[]) =>
    of.reduce((sum, pool) => sum + (pools.get(pool)?.state.snapshot().endpoints.length ?? 0), 0);
  return {
    picked(pool, lane) {
      let count = counts.get(pool);
      if (count === undefined) {
        count = { primary: 0, shadow: 0 };
        counts.set(pool, count);
      }
      count[lane]++;
    },
    ratio(primaryPools, shadowPool) {
      const [primary, shadow] = [total(primaryPools, "primary"), total([shadowPool], "shadow")];
      const [below, above] = [endpoints(primaryPools), endpoints([shadowPool])];
      if (primary < minRequests || below === 0 || above === 0) return undefined;
      return shadow / above / (primary / below);
    },
  };
}
