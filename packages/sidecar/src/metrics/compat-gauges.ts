import type { StreamOutcome } from "@umbra/ext-proc";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { prefixPlugin } from "./compat-metrics.ts";
import { compatibleMetrics } from "./compatible.ts";
import type { Exposition, Series } from "./exposition.ts";
import { spreads } from "./pool-metrics.ts";
import type { PoolStatistics } from "./pool-statistics.ts";
import { version } from "./process-metrics.ts";

export interface CompatStreams {
  streamOpened(): void;
  streamEnded(outcome: StreamOutcome, tookMs: number): void;
}

/** Adds pools, queues and streams under the names of the reference endpoint picker. */
export function addCompatGauges(
  metrics: Exposition,
  statistics: () => readonly PoolStatistics[],
  pools: PoolRegistry,
): CompatStreams {
  const { read } = compatibleMetrics(metrics);
  const ofPool = (own: string, value: (pool: PoolStatistics) => number | undefined) => {
    read(own, () =>
      statistics().flatMap((pool): Series[] => {
        const known = value(pool);
        return known === undefined ? [] : [[[pool.name], known]];
      }),
    );
  };
  for (const { key, name } of spreads) {
    ofPool(`umbra_pool_${name}_mean`, (pool) => pool[key]?.mean);
    ofPool(`umbra_pool_${name}_stddev`, (pool) => pool[key]?.deviation);
  }
  ofPool("umbra_pool_endpoints", ({ states }) => states.ready);
  read("umbra_endpoint_waiting_requests", () =>
    statistics().flatMap(({ name, snapshot }) =>
      snapshot.endpoints.flatMap(({ address, metrics: known }): Series[] =>
        known.kind === "missing" ? [] : [[[name, address], known.metrics.waitingRequests]],
      ),
    ),
  );
  read("umbra_prefix_index_blocks", () => [
    [
      [prefixPlugin, prefixPlugin],
      statistics()
        .flatMap(({ snapshot }) => snapshot.endpoints)
        .reduce((sum, { prefixBlocks }) => sum + prefixBlocks, 0),
    ],
  ]);
  for (const part of ["requests", "bytes"] as const) {
    read(`umbra_queue_${part}`, () =>
      [...pools.values()].flatMap(({ name: pool, queue }) =>
        (queue?.snapshot().bands ?? []).map(
          (band): Series => [["", String(band.priority), pool, "", ""], band[part]],
        ),
      ),
    );
  }
  read("umbra_pool_saturation", () =>
    statistics().map(({ name, snapshot }) => [[name, "decode"], snapshot.saturation]),
  );
  read("umbra_build_info", () => [[["", version], 1]]);
  return addStreams(metrics);
}

const grpcCodes: Readonly<Record<StreamOutcome, string>> = {
  complete: "OK",
  cancelled: "Canceled",
  failed: "Aborted",
};

function addStreams(metrics: Exposition): CompatStreams {
  const { counts, distributions, read } = compatibleMetrics(metrics);
  let open = 0;
  read("umbra_open_streams", () => [[[], open]]);
  const took = distributions("umbra_stream_duration_seconds").at();
  const ended = counts("umbra_streams_total");
  return {
    streamOpened() {
      open++;
    },
    streamEnded(outcome, tookMs) {
      open--;
      ended.at(grpcCodes[outcome]).value++;
      took.observe(tookMs / 1_000);
    },
  };
}
