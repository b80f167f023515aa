import { type EndpointSnapshot, knownMetrics } from "@umbra/scheduler";
import { prefixPlugin } from "./compatible.ts";
import type { CompatibleName } from "./compatible-name.ts";
import type { Exposition, Series } from "./exposition.ts";
import type { PoolStatistics, Spread } from "./pool-statistics.ts";

/** Adds the state of pools and endpoints, read at each scrape. */
export function addPoolMetrics(
  metrics: Exposition,
  statistics: () => readonly PoolStatistics[],
): void {
  const ofPool = (
    name: string,
    help: string,
    value: (pool: PoolStatistics) => number | undefined,
    compatible?: CompatibleName,
  ) => {
    metrics.gauge({ name, help, labels: ["pool"], ...(compatible && { compatible }) }, () =>
      statistics().flatMap((pool) => known([pool.name], value(pool))),
    );
  };
  const spread = (
    name: string,
    what: string,
    value: (pool: PoolStatistics) => Spread | undefined,
    compatible: string,
  ) => {
    const named = { labels: ["name"], row: ([pool]: readonly string[]) => [pool] as const };
    ofPool(
      `umbra_pool_${name}_mean`,
      `Mean of ${what} over endpoints with fresh metrics.`,
      (pool) => value(pool)?.mean,
      { name: `average_${compatible}`, ...named },
    );
    ofPool(
      `umbra_pool_${name}_stddev`,
      `Standard deviation of ${what} over endpoints with fresh metrics.`,
      (pool) => value(pool)?.deviation,
      { name: `std_dev_${compatible}`, ...named },
    );
  };
  spread("waiting_requests", "waiting requests", ({ waiting }) => waiting, "queue_size");
  spread("running_requests", "running requests", ({ running }) => running, "running_requests");
  const kvCache = "the used share of the KV cache";
  spread("kv_cache_usage", kvCache, (pool) => pool.kvCache, "kv_cache_utilization");
  ofPool(
    "umbra_pool_saturation",
    "Saturation of the pool according to its detector: 0 is idle, 1 or more is saturated.",
    ({ snapshot }) => snapshot.saturation,
    {
      name: "flow_control_pool_saturation",
      labels: ["inference_pool", "stage"],
      row: ([pool]) => [pool, "decode"],
      note: "`stage` is always `decode`",
    },
  );
  ofPool(
    "umbra_pool_metrics_age_seconds",
    "Age of the oldest metrics of any endpoint.",
    ({ oldestMs }) => (oldestMs === undefined ? undefined : oldestMs / 1_000),
  );
  ofPool(
    "umbra_prefix_index_blocks",
    "Prompt blocks that the prefix index expects in the endpoints' caches.",
    ({ snapshot }) => snapshot.endpoints.reduce((sum, { prefixBlocks }) => sum + prefixBlocks, 0),
    {
      name: "prefix_indexer_size",
      labels: ["plugin_name", "plugin_type"],
      row: () => [prefixPlugin, prefixPlugin],
    },
  );
  metrics.gauge(
    {
      name: "umbra_pool_endpoints",
      help: "Endpoints by state: `ready`, `stale` or `missing` (metrics), or `ejected` (after failures).",
      labels: ["pool", "state"],
      compatible: {
        name: "ready_endpoints",
        labels: ["name"],
        row: ([pool, state]) => (state === "ready" ? [pool] : undefined),
      },
    },
    () =>
      statistics().flatMap(({ name, states }) =>
        Object.entries(states).map(([state, count]): Series => [[name, state], count]),
      ),
  );
  addEndpointMetrics(metrics, statistics);
}

function addEndpointMetrics(
  metrics: Exposition,
  statistics: () => readonly PoolStatistics[],
): void {
  type Value = (endpoint: EndpointSnapshot) => number | undefined;
  const labels = ["pool", "endpoint"];
  const ofEndpoint = (name: string, help: string, value: Value, compatible?: CompatibleName) => {
    metrics.gauge({ name, help, labels, ...(compatible && { compatible }) }, () =>
      statistics().flatMap((pool) =>
        pool.snapshot.endpoints.flatMap((endpoint) =>
          known([pool.name, endpoint.address], value(endpoint)),
        ),
      ),
    );
  };
  ofEndpoint(
    "umbra_endpoint_in_flight",
    "Running requests that this process sent to an endpoint.",
    ({ inFlight, peersInFlight = 0 }) => inFlight - peersInFlight,
  );
  ofEndpoint(
    "umbra_endpoint_waiting_requests",
    "Waiting requests, as last reported by the endpoint.",
    (endpoint) => knownMetrics(endpoint)?.waitingRequests,
    {
      name: "per_endpoint_queue_size",
      labels: ["name", "model_server_endpoint"],
      row: ([pool, endpoint]) => [pool, endpoint],
    },
  );
  ofEndpoint(
    "umbra_endpoint_running_requests",
    "Running requests, as last reported by the endpoint.",
    (endpoint) => knownMetrics(endpoint)?.runningRequests,
  );
  ofEndpoint(
    "umbra_endpoint_kv_cache_usage_ratio",
    "Used share of the KV cache, as last reported by the endpoint.",
    (endpoint) => knownMetrics(endpoint)?.kvCacheUsage,
  );
  ofEndpoint(
    "umbra_endpoint_metrics_age_seconds",
    "Age of the endpoint's metrics; absent before the first scrape.",
    ({ metricsAgeMs }) => (metricsAgeMs === undefined ? undefined : metricsAgeMs / 1_000),
  );
  ofEndpoint(
    "umbra_endpoint_scrape_backoff_seconds",
    "Delay between a failed scrape and the next one; absent while scrapes succeed.",
    ({ scrapeBackOffMs }) => (scrapeBackOffMs === undefined ? undefined : scrapeBackOffMs / 1_000),
  );
  ofEndpoint(
    "umbra_endpoint_error_share",
    "Error rate of the endpoint's recent answers, minus that of the pool's best endpoint.",
    ({ errorShare }) => errorShare,
  );
  ofEndpoint("umbra_endpoint_ejected", "1 while the endpoint is ejected.", (each) =>
    Number(each.isEjected),
  );
}

function known(labels: readonly string[], value: number | undefined): readonly Series[] {
  return value === undefined ? [] : [[labels, value]];
}
