import { type EndpointSnapshot, knownMetrics } from "@umbra/scheduler";
import type { Exposition, Series } from "./exposition.ts";
import type { PoolStatistics, Spread } from "./pool-statistics.ts";

/** Adds the state of pools and endpoints, as it is when it is asked for. */
export function addPoolMetrics(
  metrics: Exposition,
  statistics: () => readonly PoolStatistics[],
): void {
  const ofPool = (
    name: string,
    help: string,
    value: (pool: PoolStatistics) => number | undefined,
  ) => {
    metrics.gauge({ name, help, labels: ["pool"] }, () =>
      statistics().flatMap((pool): Series[] => {
        const read = value(pool);
        return read === undefined ? [] : [[[pool.name], read]];
      }),
    );
  };
  const spread = (
    name: string,
    what: string,
    value: (pool: PoolStatistics) => Spread | undefined,
  ) => {
    ofPool(
      `umbra_pool_${name}_mean`,
      `Mean of ${what} over endpoints with fresh metrics.`,
      (pool) => value(pool)?.mean,
    );
    ofPool(
      `umbra_pool_${name}_stddev`,
      `Standard deviation of ${what} over endpoints with fresh metrics.`,
      (pool) => value(pool)?.deviation,
    );
  };
  spread("waiting_requests", "waiting requests", ({ waiting }) => waiting);
  spread("running_requests", "running requests", ({ running }) => running);
  spread("kv_cache_usage", "the used share of the KV cache", ({ kvCache }) => kvCache);
  ofPool(
    "umbra_pool_saturation",
    "How full the pool is by its detector: 0 idle, 1 and more full.",
    ({ snapshot }) => snapshot.saturation,
  );
  ofPool(
    "umbra_pool_metrics_age_seconds",
    "Age of the oldest endpoint's metrics.",
    ({ oldestMs }) => (oldestMs === undefined ? undefined : oldestMs / 1_000),
  );
  ofPool(
    "umbra_prefix_index_blocks",
    "Blocks of prompts that the pool's endpoints are believed to hold.",
    ({ snapshot }) => snapshot.endpoints.reduce((sum, { prefixBlocks }) => sum + prefixBlocks, 0),
  );
  metrics.gauge(
    {
      name: "umbra_pool_endpoints",
      help: "Endpoints by state: `ready`, with `stale` or `missing` metrics, `ejected` for failing.",
      labels: ["pool", "state"],
    },
    () =>
      statistics().flatMap(({ name, states }) =>
        Object.entries(states).map(([state, count]): Series => [[name, state], count]),
      ),
  );

  const ofEndpoint = (
    name: string,
    help: string,
    value: (endpoint: EndpointSnapshot) => number | undefined,
  ) => {
    metrics.gauge({ name, help, labels: ["pool", "endpoint"] }, () =>
      statistics().flatMap((pool) =>
        pool.snapshot.endpoints.flatMap((endpoint): Series[] => {
          const read = value(endpoint);
          return read === undefined ? [] : [[[pool.name, endpoint.address], read]];
        }),
      ),
    );
  };
  ofEndpoint(
    "umbra_endpoint_in_flight",
    "Requests sent to an endpoint by this process and not yet finished.",
    ({ inFlight }) => inFlight,
  );
  ofEndpoint(
    "umbra_endpoint_waiting_requests",
    "Waiting requests, as the endpoint said last.",
    (endpoint) => knownMetrics(endpoint)?.waitingRequests,
  );
  ofEndpoint(
    "umbra_endpoint_running_requests",
    "Running requests, as the endpoint said last.",
    (endpoint) => knownMetrics(endpoint)?.runningRequests,
  );
  ofEndpoint(
    "umbra_endpoint_kv_cache_usage_ratio",
    "Used share of the KV cache, as the endpoint said last.",
    (endpoint) => knownMetrics(endpoint)?.kvCacheUsage,
  );
  ofEndpoint(
    "umbra_endpoint_metrics_age_seconds",
    "Age of what the endpoint said last; absent before the first scrape.",
    ({ metricsAgeMs }) => (metricsAgeMs === undefined ? undefined : metricsAgeMs / 1_000),
  );
  ofEndpoint(
    "umbra_endpoint_error_share",
    "Share of the endpoint's latest answers that were errors, beyond that of the pool's best endpoint.",
    ({ errorShare }) => errorShare,
  );
  ofEndpoint("umbra_endpoint_ejected", "1 while the endpoint is out of use for failing.", (each) =>
    Number(each.isEjected),
  );
}
