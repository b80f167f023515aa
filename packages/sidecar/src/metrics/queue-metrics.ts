import type { FlowEvent } from "@umbra/scheduler/flow";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import type { Exposition, Series } from "./exposition.ts";
import { createLabelValues, type LabelValues } from "./label-values.ts";

export type OnQueue = (pool: string, event: FlowEvent) => void;

/** Bounds of the reference endpoint picker. */
const queueBounds = [
  ...[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
];

/** Adds metrics of the queues of pools with flow control. */
export function addQueueMetrics(metrics: Exposition, pools: PoolRegistry): OnQueue {
  const priorities: LabelValues = createLabelValues(["1", "0", "-1"]);
  const labels = ["pool", "priority"];
  const band = (of: "requests" | "bytes", help: string, name: string) => {
    const compatible = {
      name: `flow_control_queue_${name}`,
      labels: ["fairness_id", "priority", "inference_pool", "model_name", "target_model_name"],
      note: "not split by tenant or model",
      row: ([pool, priority]: readonly string[]) => ["", priority, pool, "", ""] as const,
    };
    metrics.gauge({ name: `umbra_queue_${of}`, help, labels, compatible }, () =>
      [...pools.values()].flatMap(({ name: pool, queue }) =>
        (queue?.snapshot().bands ?? []).map(
          (each): Series => [[pool, priorities.of(String(each.priority))], each[of]],
        ),
      ),
    );
  };
  band("requests", "Requests waiting in the queue.", "size");
  band("bytes", "Bytes of the bodies of waiting requests.", "bytes");
  const outcomes = metrics.counter({
    name: "umbra_queue_requests_total",
    help: "Requests that left the queue: `dispatched`, or rejected with a reason.",
    compatible: {
      name: "flow_control_requests_total",
      labels: ["outcome", "priority", "inference_pool"],
    },
    labels: [...labels, "outcome"],
  });
  const waits = metrics.histogram({
    name: "umbra_queue_wait_seconds",
    help: "Time that requests spent in the queue.",
    compatible: {
      name: "flow_control_request_queue_duration_seconds",
      labels: [
        ...["fairness_id", "priority", "outcome", "inference_pool"],
        ...["model_name", "target_model_name"],
      ],
    },
    labels: [...labels, "outcome"],
    bounds: queueBounds,
  });
  return (pool, event) => {
    if (event.type === "enqueued") return;
    const priority = priorities.of(String(event.priority));
    const outcome = event.type === "dispatched" ? "dispatched" : event.code;
    outcomes.at(pool, priority, outcome).value++;
    waits.at(pool, priority, outcome).observe(event.waitedMs / 1_000);
  };
}
