import type { EndpointSnapshot, PoolSnapshot } from "@umbra/scheduler";
import type { PoolRegistry } from "../pools/pool-registry.ts";

/** Mean and standard deviation over the endpoints of a pool. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number;
}

export type EndpointState = "ready" | "stale" | "missing" | "ejected";

/** Statistics of a pool from its latest scrapes. */
export interface PoolStatistics {
  readonly name: string;
  readonly snapshot: PoolSnapshot;
  /** Over endpoints with fresh metrics; undefined if there are none. */
  readonly waiting: Spread | undefined;
  readonly running: Spread | undefined;
  /** 0 to 1, over endpoints that report it. */
  readonly kvCache: Spread | undefined;
  readonly states: Readonly<Record<EndpointState, number>>;
  /** Age of the oldest metrics of any endpoint, in ms. */
  readonly oldestMs: number | undefined;
}

/** Cache time of pool statistics, in ms, because one scrape reads many metrics. */
const keptMs = 50;

export function poolStatistics(
  pools: PoolRegistry,
  now: () => number,
): () => readonly PoolStatistics[] {
  let kept: readonly PoolStatistics[] = [];
  let readAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (now() - readAtMs > keptMs) {
      kept = [...pools.values()].map(({ state }) => statisticsOf(state.snapshot()));
      readAtMs = now();
    }
    return kept;
  };
}

function statisticsOf(snapshot: PoolSnapshot): PoolStatistics {
  const { name, endpoints } = snapshot;
  const fresh = endpoints.flatMap(({ metrics }) =>
    metrics.kind === "fresh" ? [metrics.metrics] : [],
  );
  const states = { ready: 0, stale: 0, missing: 0, ejected: 0 };
  for (const endpoint of endpoints) states[stateOf(endpoint)]++;
  const ages = endpoints.flatMap(({ metricsAgeMs }) => metricsAgeMs ?? []);
  return {
    name,
    snapshot,
    states,
    waiting: spreadOf(fresh.map(({ waitingRequests }) => waitingRequests)),
    running: spreadOf(fresh.map(({ runningRequests }) => runningRequests)),
    kvCache: spreadOf(fresh.flatMap(({ kvCacheUsage }) => kvCacheUsage ?? [])),
    oldestMs: ages.length === 0 ? undefined : Math.max(...ages),
  };
}

function stateOf({ isEjected, metrics }: EndpointSnapshot): EndpointState {
  if (isEjected) return "ejected";
  return metrics.kind === "fresh" ? "ready" : metrics.kind;
}

/** Standard deviation of the population, not of a sample. */
function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / values.length) };
}
