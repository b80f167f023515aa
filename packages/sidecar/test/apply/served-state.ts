import type { Topology } from "@umbra/envoy-config";
import { createServingState, type ServingState } from "../../src/apply/serving-state.ts";
import { createLoadCount, type LoadCount } from "../../src/evaluation/load-count.ts";
import { createSidecarMetrics, type SidecarMetrics } from "../../src/metrics/sidecar-metrics.ts";
import { createPoolRegistry, type ServedPools } from "../../src/pools/pool-registry.ts";
import { createServedPaths, type ServedPaths } from "../../src/requests/backend-paths.ts";

/** The parts of a sidecar that follow the topology and need no network. */
export interface Served extends ServingState {
  readonly pools: ServedPools;
  readonly paths: ServedPaths;
  readonly metrics: SidecarMetrics;
  readonly load: LoadCount;
  /** Removes what is gone, as the sidecar does every second. */
  sweep(): void;
}

export function serve(topology: Topology): Served {
  const now = () => 0;
  const pools = createPoolRegistry(topology, {
    now,
    random: () => 0.5,
    staleAfterMs: 2_000,
    onEvent: (event) => metrics.poolTold(event),
    onQueue: (pool, event) => metrics.queueTold(pool, event),
  });
  const metrics = createSidecarMetrics({
    ...{ topology, pools, now },
    pairs: () => 0,
    isCompatible: true,
  });
  const paths = createServedPaths(topology);
  const load = createLoadCount(pools, now);
  const state = createServingState([pools, paths, { begin: (next) => void metrics.begin(next) }]);
  return {
    ...state,
    ...{ pools, paths, metrics, load },
    sweep() {
      metrics.forgetGone();
      load.forgetGone();
    },
  };
}

export function apply(served: Served, topology: Topology): void {
  served.begin(topology);
  served.admitEndpoints();
  served.retire();
  served.sweep();
}

/** Everything about the pools that a request may notice, as plain data. */
export function stateOf({ pools, paths }: Served, models: readonly string[]) {
  return {
    only: pools.only?.name,
    paths: [...paths.paths.keys()].sort(),
    pools: [...pools.values()]
      .map((pool) => ({
        name: pool.name,
        scraped: pool.endpoints,
        endpoints: pool.state
          .addresses()
          .map((address) => ({ address, labels: pool.state.labelsOf(address) })),
        reach: [pool.reach.tls, pool.reach.scrape, pool.reach.endpointScrape],
        listed: [...pool.listedModels],
        modelHeader: pool.modelHeader,
        onlyModel: pool.onlyModel,
        priorities: models.map((model) => pool.priorityOf(model)),
        objectives: [...pool.objectives],
        rewritten: models.map((model) => pool.rewrite(model)),
        fallbacks: pool.gatewayFallbacks,
        profile: pool.state.explain({ model: "m" }).profile,
        queue: pool.queueSettings,
        served: [...pool.served.base].sort(),
        engines: [...pool.engines.keys()].sort(),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** The label values of all series that are about pools. */
export function seriesOf({ metrics }: Served): readonly string[] {
  return metrics.exposition.families
    .filter(({ labels = [] }) => labels.includes("pool"))
    .flatMap(({ name, read }) => [...read()].map(([values]) => `${name} ${values.join(" ")}`))
    .sort();
}
