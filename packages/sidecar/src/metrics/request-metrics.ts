import { isRefusal, type Lane, type MadeDecision } from "../decision/request-account.ts";
import { requestLabels } from "./compatible.ts";
import type { Count, Exposition } from "./exposition.ts";
import type { PickLabels } from "./pick-labels.ts";
import { createTable, type Table } from "./table.ts";

/** Counts requests as they are decided and as they end. */
export interface RequestMetrics {
  decided(lane: Lane, pool: string, made: MadeDecision, sinceArrivalMs: number): void;
  /** A picked request ended. */
  ended(lane: Lane, pool: string, tookMs: number): void;
  /** Returns all values of the labels `model` and `target_model`. */
  models(): ReadonlySet<string>;
}

const lanePool = ["lane", "pool"] as const;

/** Bounds of the reference endpoint picker, which dashboards use: 5 ms to 1 h. */
export const latencyBounds: readonly number[] = [
  ...[0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30],
  ...[45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1_200, 1_800, 2_700, 3_600],
];
/** 64 bytes to 1 GiB. */
const sizeBounds = Array.from({ length: 25 }, (_, i) => 64 * 2 ** i);
const processingBounds = [
  ...[0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.04, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];
/** A pick takes about 10 µs. */
const pickBounds = [
  ...[0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1],
];

export function addRequestMetrics(metrics: Exposition, labels: PickLabels): RequestMetrics {
  const requests = metrics.counter({
    name: "umbra_requests_total",
    help: "Requests by requested model and by the model sent to the endpoint.",
    compatible: { name: "request_total", labels: requestLabels },
    labels: [...lanePool, "model", "target_model"],
  });
  const errors = metrics.counter({
    name: "umbra_request_errors_total",
    help: "Refused requests by error code (docs/errors.md).",
    compatible: { name: "request_error_total", labels: [...requestLabels, "error_code"] },
    labels: [...lanePool, "code"],
  });
  const picks = metrics.counter({
    name: "umbra_picks_total",
    help: "Requests by outcome of the pick: `picked`, `model_list` (Umbra answered `GET /v1/models` itself), or the error code of the refusal.",
    labels: [...lanePool, "outcome"],
  });
  const endpoints = metrics.counter({
    name: "umbra_endpoint_picks_total",
    help: "Requests by picked endpoint.",
    compatible: {
      name: "scheduler_attempts_total",
      labels: ["status", "target_model_name", "endpoint_name", "namespace", "port"],
      note: "the endpoint's IP address replaces its name",
    },
    labels: [...lanePool, "endpoint"],
  });
  const sheds = metrics.counter({
    name: "umbra_sheds_total",
    help: "Requests refused by the scheduler or the queue, by reason.",
    labels: [...lanePool, "reason"],
  });
  const rewrites = metrics.counter({
    name: "umbra_model_rewrites_total",
    help: "Requests whose model was rewritten.",
    compatible: {
      name: "model_rewrite_decisions_total",
      labels: ["model_rewrite_name", "model_name", "target_model"],
      note: "`model_rewrite_name` is empty",
    },
    labels: [...lanePool, "model", "target_model"],
  });
  const pickSeconds = metrics.histogram({
    name: "umbra_pick_duration_seconds",
    help: "Time from the complete request to the decision, without gRPC transfer and time in the queue.",
    labels: lanePool,
    bounds: pickBounds,
  });
  const processingSeconds = metrics.histogram({
    name: "umbra_request_processing_duration_seconds",
    help: "Time from the request's headers to the decision, including the upload of the body and the time in the queue.",
    compatible: { name: "request_processing_duration_seconds" },
    labels: lanePool,
    bounds: processingBounds,
  });
  const requestSeconds = metrics.histogram({
    name: "umbra_request_duration_seconds",
    help: "Time from the headers of a picked request to the end of its answer.",
    compatible: { name: "request_duration_seconds", labels: requestLabels },
    labels: lanePool,
    bounds: latencyBounds,
  });
  const requestBytes = metrics.histogram({
    name: "umbra_request_size_bytes",
    help: "Size of request bodies after decompression.",
    compatible: { name: "request_size_bytes", labels: requestLabels },
    labels: lanePool,
    bounds: sizeBounds,
  });
  const running = metrics.level({
    name: "umbra_requests_running",
    help: "Running picked requests.",
    compatible: { name: "request_running", labels: requestLabels },
    labels: lanePool,
  });
  // One lookup for all metrics that only have lane and pool labels.
  const rows = createTable(([lane = "", pool = ""]) => ({
    pickSeconds: pickSeconds.at(lane, pool),
    processingSeconds: processingSeconds.at(lane, pool),
    requestSeconds: requestSeconds.at(lane, pool),
    requestBytes: requestBytes.at(lane, pool),
    running: running.at(lane, pool),
    picked: picks.at(lane, pool, "picked"),
  }));
  metrics.include(lanePool, rows);
  return {
    decided(lane, poolName, made, sinceArrivalMs) {
      const pool = labels.pool(poolName);
      const { outcome, reason, model, target, endpoint, bodyBytes } = made;
      const row = rows.at(lane, pool);
      const asked = labels.model(poolName, model);
      const isRenamed = target !== undefined && target !== model;
      const sent = isRenamed ? labels.model(poolName, target) : asked;
      requests.at(lane, pool, asked, sent).value++;
      if (isRenamed) rewrites.at(lane, pool, asked, sent).value++;
      row.pickSeconds.observe(made.tookMs / 1_000);
      row.processingSeconds.observe(sinceArrivalMs / 1_000);
      if (bodyBytes !== undefined) row.requestBytes.observe(bodyBytes);
      if (endpoint !== undefined) endpoints.at(lane, pool, endpoint).value++;
      if (reason !== undefined) sheds.at(lane, pool, reason).value++;
      if (outcome === "picked") {
        row.picked.value++;
        row.running.value++;
      } else {
        picks.at(lane, pool, outcome).value++;
        if (isRefusal(outcome)) errors.at(lane, pool, outcome).value++;
      }
    },
    ended(lane, poolName, tookMs) {
      const { running, requestSeconds } = rows.at(lane, labels.pool(poolName));
      running.value--;
      requestSeconds.observe(tookMs / 1_000);
    },
    models: () => modelsIn(requests),
  };
}

function modelsIn(requests: Table<Count>): ReadonlySet<string> {
  return new Set(requests.rows().flatMap(([[, , model = "", target = ""]]) => [model, target]));
}
