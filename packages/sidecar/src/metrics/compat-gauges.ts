import type { StreamOutcome } from "@umbra/ext-proc";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { twinName } from "./compat-metrics.ts";
import { createDistribution } from "./distribution.ts";
import { type Count, countsOf, type Exposition, type Series } from "./exposition.ts";
import type { PoolStatistics } from "./pool-statistics.ts";
import { streamBounds, version } from "./process-metrics.ts";
import { createTable } from "./table.ts";

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
  const ofPool = (
    name: string,
    twinOf: string,
    value: (pool: PoolStatistics) => number | undefined,
  ) => {
    metrics.add({
      ...twinName({ name, twinOf, labels: ["name"] }),
      type: "gauge",
      read: () =>
        statistics().flatMap((pool): Series[] => {
          const read = value(pool);
          return read === undefined ? [] : [[[pool.name], read]];
        }),
    });
  };
  for (const [name, twinOf, key] of [
    ["kv_cache_utilization", "kv_cache_usage", "kvCache"],
    ["queue_size", "waiting_requests", "waiting"],
    ["running_requests", "running_requests", "running"],
  ] as const) {
    ofPool(`average_${name}`, `pool_${twinOf}_mean`, (pool) => pool[key]?.mean);
    ofPool(`std_dev_${name}`, `pool_${twinOf}_stddev`, (pool) => pool[key]?.deviation);
  }
  ofPool("ready_endpoints", "pool_endpoints", ({ states }) => states.ready);
  metrics.add({
    ...twinName({
      name: "per_endpoint_queue_size",
      twinOf: "endpoint_waiting_requests",
      labels: ["name", "model_server_endpoint"],
    }),
    type: "gauge",
    read: () =>
      statistics().flatMap(({ name, snapshot }) =>
        snapshot.endpoints.flatMap(({ address, metrics: known }): Series[] =>
          known.kind === "missing" ? [] : [[[name, address], known.metrics.waitingRequests]],
        ),
      ),
  });
  metrics.add({
    ...twinName({
      name: "prefix_indexer_size",
      twinOf: "prefix_index_blocks",
      labels: ["plugin_name", "plugin_type"],
    }),
    type: "gauge",
    read: () => [
      [
        ["approx-prefix-cache-producer", "approx-prefix-cache-producer"],
        statistics()
          .flatMap(({ snapshot }) => snapshot.endpoints)
          .reduce((sum, { prefixBlocks }) => sum + prefixBlocks, 0),
      ],
    ],
  });
  addQueueGauges(metrics, statistics, pools);
  metrics.add({
    ...twinName({
      name: "info",
      twinOf: "build_info",
      labels: ["commit", "build_ref"],
      note: "`build_ref` is the version, `commit` is empty",
    }),
    type: "gauge",
    read: () => [[["", version], 1]],
  });
  return addStreams(metrics);
}

function addQueueGauges(
  metrics: Exposition,
  statistics: () => readonly PoolStatistics[],
  pools: PoolRegistry,
): void {
  for (const [name, of] of [
    ["size", "requests"],
    ["bytes", "bytes"],
  ] as const) {
    metrics.add({
      ...twinName({
        name: `flow_control_queue_${name}`,
        twinOf: `queue_${of}`,
        labels: ["fairness_id", "priority", "inference_pool", "model_name", "target_model_name"],
        note: "tenants and models are not told apart",
      }),
      type: "gauge",
      read: () =>
        [...pools.values()].flatMap(({ name: pool, queue }) =>
          (queue?.snapshot().bands ?? []).map(
            (band): Series => [["", String(band.priority), pool, "", ""], band[of]],
          ),
        ),
    });
  }
  metrics.add({
    ...twinName({
      name: "flow_control_pool_saturation",
      twinOf: "pool_saturation",
      labels: ["inference_pool", "stage"],
      note: "`stage` is always `decode`",
    }),
    type: "gauge",
    read: () => statistics().map(({ name, snapshot }) => [[name, "decode"], snapshot.saturation]),
  });
}

const grpcCodes: Readonly<Record<StreamOutcome, string>> = {
  complete: "OK",
  cancelled: "Canceled",
  failed: "Aborted",
};

function addStreams(metrics: Exposition): CompatStreams {
  let open = 0;
  metrics.add({
    ...twinName({ name: "extproc_streams_inflight", twinOf: "open_streams" }),
    type: "gauge",
    read: () => [[[], open]],
  });
  const took = createDistribution(streamBounds);
  metrics.add({
    ...twinName({ name: "extproc_stream_duration_seconds", twinOf: "stream_duration_seconds" }),
    type: "histogram",
    read: () => [[[], took]],
  });
  const ended = createTable<Count>(() => ({ value: 0 }));
  metrics.add({
    ...twinName({ name: "extproc_streams_total", twinOf: "streams_total", labels: ["code"] }),
    type: "counter",
    read: () => countsOf(ended),
  });
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
