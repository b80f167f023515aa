import type { PoolRegistry } from "../exchange/pool-registry.ts";

/** Counts requests by pool and lane, to tell whether both lanes' endpoints carry the same load. */
export interface LoadCount {
  picked(pool: string, lane: "primary" | "shadow"): void;
  /** Requests per endpoint of the shadow pool over those of the primary's; undefined of too few. */
  ratio(primaryPools: readonly string[], shadowPool: string): number | undefined;
}

const minRequests = 100;

export function createLoadCount(pools: PoolRegistry): LoadCount {
  const counts = new Map<string, number>();
  const keyOf = (pool: string, lane: string) => `${lane} ${pool}`;
  const total = (of: readonly string[], lane: string) =>
    of.reduce((sum, pool) => sum + (counts.get(keyOf(pool, lane)) ?? 0), 0);
  const endpoints = (of: readonly string[]) =>
    of.reduce((sum, pool) => sum + (pools.get(pool)?.state.snapshot().endpoints.length ?? 0), 0);
  return {
    picked(pool, lane) {
      const key = keyOf(pool, lane);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    ratio(primaryPools, shadowPool) {
      const [primary, shadow] = [total(primaryPools, "primary"), total([shadowPool], "shadow")];
      const [below, above] = [endpoints(primaryPools), endpoints([shadowPool])];
      if (primary < minRequests || below === 0 || above === 0) return undefined;
      return shadow / above / (primary / below);
    },
  };
}
