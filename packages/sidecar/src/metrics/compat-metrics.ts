import type { Headers } from "@umbra/ext-proc";
import type { PoolEvent } from "@umbra/scheduler";
import type { Leg } from "@umbra/shadow";
import { controlHeader, fairnessHeader } from "../decision/control-headers.ts";
import { type RequestError, requestErrors } from "../decision/refusals.ts";
import { isRefusal, type MadeDecision } from "../decision/request-account.ts";
import { outputTokenBounds, tokenBounds, tpotBounds, ttftBounds } from "./answer-metrics.ts";
import { createDistribution, type Distribution } from "./distribution.ts";
import { type Count, countsOf, type Exposition, type MetricName } from "./exposition.ts";
import { createLabelValues } from "./label-values.ts";
import type { PickLabels } from "./pick-labels.ts";
import { queueBounds } from "./queue-metrics.ts";
import { latencyBounds, processingBounds, sizeBounds } from "./request-metrics.ts";
import { shareBounds } from "./scheduler-metrics.ts";
import { createTable, type Table } from "./table.ts";

/** A request as the reference endpoint picker labels it: model, target model, fairness id, priority. */
export type RequestLabels = readonly [
  model: string,
  target: string,
  fairnessId: string,
  priority: string,
];

/** The same counts under the names of the reference endpoint picker, of clients' requests alone. */
export interface CompatMetrics {
  labelsOf(pool: string, headers: Headers | undefined, made: MadeDecision): RequestLabels;
  decided(of: RequestLabels, pool: string, made: MadeDecision, sinceArrivalMs: number): void;
  /** A picked one is over. */
  ended(of: RequestLabels, tookMs: number): void;
  /** Its answer was measured. */
  answered(of: RequestLabels, leg: Leg): void;
  readonly told: (event: PoolEvent) => void;
}

/** `name` without the prefix; `twinOf` without ours. */
interface Twin {
  readonly name: string;
  readonly twinOf: string;
  readonly labels?: readonly string[];
  /** What is not as in the reference. */
  readonly note?: string;
}

export function twinName({ name, twinOf, labels = [], note }: Twin): MetricName & {
  readonly twinOf: string;
} {
  const of = `umbra_${twinOf}`;
  const help = `As ${of}${note === undefined ? "" : `; ${note}`}.`;
  return { name: `llm_d_epp_${name}`, twinOf: of, labels, help };
}

const request = ["model_name", "target_model_name", "fairness_id", "priority"];
const schedulerBounds = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
const hitBytesBounds = Array.from({ length: 14 }, (_, i) => (i === 0 ? 0 : 2 ** (i + 3)));
const prefixPlugin = "approx-prefix-cache-producer";
const bytesPerToken = 4;
/** Clients choose them, and each is a row of every histogram. */
const maxFairnessIds = 100;
/** What may be a tenant's name in a label; anything else is `other`. */
const plainId = /^[\w.:/-]{1,64}$/;

export function addCompatMetrics(metrics: Exposition, pools: PickLabels): CompatMetrics {
  const counter = (twin: Twin): Table<Count> => {
    const table = createTable<Count>(() => ({ value: 0 }));
    metrics.add({ ...twinName(twin), type: "counter", read: () => countsOf(table) });
    return table;
  };
  const histogram = (twin: Twin, bounds: readonly number[]): Table<Distribution> => {
    const table = createTable(() => createDistribution(bounds));
    metrics.add({ ...twinName(twin), type: "histogram", read: table.rows });
    return table;
  };
  const ofRequest = (name: string, twinOf: string, bounds: readonly number[], note?: string) =>
    histogram({ name, twinOf, labels: request, ...(note === undefined ? {} : { note }) }, bounds);
  const measured = "of measured answers alone";

  const requests = counter({ name: "request_total", twinOf: "requests_total", labels: request });
  const errors = counter({
    name: "request_error_total",
    twinOf: "request_errors_total",
    labels: [...request, "error_code"],
  });
  const running = createTable<Count>(() => ({ value: 0 }));
  metrics.add({
    ...twinName({ name: "request_running", twinOf: "requests_running", labels: request }),
    type: "gauge",
    read: () => countsOf(running),
  });
  const duration = ofRequest("request_duration_seconds", "request_duration_seconds", latencyBounds);
  const size = ofRequest("request_size_bytes", "request_size_bytes", sizeBounds);
  const ttft = histogram(
    {
      name: "request_ttft_seconds",
      twinOf: "ttft_seconds",
      labels: [...request, "streaming"],
      note: `${measured}; the whole time where the answer is not streamed`,
    },
    ttftBounds,
  );
  const tpot = ofRequest("request_streaming_tpot_seconds", "tpot_seconds", tpotBounds, measured);
  const input = ofRequest("request_input_tokens", "input_tokens", tokenBounds, measured);
  const output = ofRequest("request_output_tokens", "output_tokens", outputTokenBounds, measured);
  const cached = ofRequest("request_cached_tokens", "cached_tokens", tokenBounds, measured);
  const processing = histogram(
    {
      name: "request_processing_duration_seconds",
      twinOf: "request_processing_duration_seconds",
    },
    processingBounds,
  ).at();
  const scheduler = histogram(
    { name: "scheduler_e2e_duration_seconds", twinOf: "scheduler_duration_seconds" },
    schedulerBounds,
  ).at();
  const attempts = createTable<Count>(() => ({ value: 0 }));
  metrics.add({
    ...twinName({
      name: "scheduler_attempts_total",
      twinOf: "endpoint_picks_total",
      labels: ["status", "target_model_name", "endpoint_name", "namespace", "port"],
      note: "the endpoint's IP stands for its name",
    }),
    type: "counter",
    read: () => attempts.rows().map(([values, { value }]) => [attemptLabels(values, pools), value]),
  });
  const plugins = histogram(
    {
      name: "plugin_duration_seconds",
      twinOf: "plugin_duration_seconds",
      labels: ["extension_point", "plugin_type", "plugin_name"],
      note: "one pick in 64 is measured so",
    },
    schedulerBounds,
  );
  const prefix = ["plugin_name", "plugin_type"];
  const hitRatio = histogram(
    { name: "prefix_indexer_hit_ratio", twinOf: "prefix_hit_ratio", labels: prefix },
    shareBounds,
  ).at(prefixPlugin, prefixPlugin);
  const hitBytes = histogram(
    { name: "prefix_indexer_hit_bytes", twinOf: "prefix_hit_tokens", labels: prefix },
    hitBytesBounds,
  ).at(prefixPlugin, prefixPlugin);
  const rewrites = counter({
    name: "model_rewrite_decisions_total",
    twinOf: "model_rewrites_total",
    labels: ["model_rewrite_name", "model_name", "target_model"],
    note: "`model_rewrite_name` is empty",
  });
  const queueWait = histogram(
    {
      name: "flow_control_request_queue_duration_seconds",
      twinOf: "queue_wait_seconds",
      labels: ["fairness_id", "priority", "outcome", "inference_pool", ...request.slice(0, 2)],
    },
    queueBounds,
  );
  const queued = counter({
    name: "flow_control_requests_total",
    twinOf: "queue_requests_total",
    labels: ["outcome", "priority", "inference_pool"],
  });
  const fairnessIds = createLabelValues(["default-flow"], maxFairnessIds, (id) => plainId.test(id));
  const priorities = createLabelValues(["1", "0", "-1"]);

  // One look-up for all that goes by the request's labels alone.
  const rows = createTable((of) => ({
    requests: requests.at(...of),
    running: running.at(...of),
    size: size.at(...of),
    duration: duration.at(...of),
  }));

  function waited(of: RequestLabels, pool: string, { waitedMs, reason }: MadeDecision): void {
    if (waitedMs === undefined) return;
    const [model, target, fairnessId, priority] = of;
    const outcome = flowOutcomes[reason ?? ""] ?? "Dispatched";
    queued.at(outcome, priority, pool).value++;
    queueWait.at(fairnessId, priority, outcome, pool, model, target).observe(waitedMs / 1_000);
  }

  return {
    labelsOf(pool, headers, { model, target, priority = 0 }) {
      const asked = pools.model(pool, model);
      const sent = target === undefined || target === model ? asked : pools.model(pool, target);
      const id = headers === undefined ? undefined : controlHeader(headers, fairnessHeader);
      return [
        asked,
        sent,
        id === undefined ? "default-flow" : fairnessIds.of(id),
        priorities.of(String(priority)),
      ];
    },
    decided(of, poolName, made, sinceArrivalMs) {
      const pool = pools.pool(poolName);
      const [model, target] = of;
      const row = rows.at(...of);
      row.requests.value++;
      processing.observe(sinceArrivalMs / 1_000);
      if (made.bodyBytes !== undefined) row.size.observe(made.bodyBytes);
      if (model !== target) rewrites.at("", model, target).value++;
      waited(of, pool, made);
      const { endpoint = "", outcome } = made;
      if (endpoint !== "" || made.reason !== undefined) {
        attempts.at(target, pool, endpoint).value++;
      }
      if (outcome === "picked") row.running.value++;
      else if (isRefusal(outcome))
        errors.at(...of, errorCodes[requestErrors[outcome].status]).value++;
    },
    ended(of, tookMs) {
      const row = rows.at(...of);
      row.running.value--;
      row.duration.observe(tookMs / 1_000);
    },
    answered(of, leg) {
      if (leg.class !== "ok") return;
      const firstMs = leg.ttftMs ?? (leg.stream ? undefined : leg.e2eMs);
      if (firstMs !== undefined) ttft.at(...of, String(leg.stream)).observe(firstMs / 1_000);
      if (leg.tpotMs !== undefined) tpot.at(...of).observe(leg.tpotMs / 1_000);
      if (leg.promptTokens !== undefined) input.at(...of).observe(leg.promptTokens);
      if (leg.outTokens !== undefined) output.at(...of).observe(leg.outTokens);
      if (leg.cachedTokens !== undefined) cached.at(...of).observe(leg.cachedTokens);
    },
    told(event) {
      if (event.type === "picked" || event.type === "refused") {
        scheduler.observe(event.tookMs / 1_000);
      }
      if (event.type === "picked") {
        const { cachedShare, promptTokens } = event;
        hitRatio.observe(cachedShare);
        hitBytes.observe(cachedShare * promptTokens * bytesPerToken);
      } else if (event.type === "timed") {
        for (const { point, name, tookMs } of event.steps) {
          plugins.at(extensionPoints[point], name, name).observe(tookMs / 1_000);
        }
      }
    },
  };
}

function attemptLabels(
  [target = "", pool = "", endpoint = ""]: readonly string[],
  pools: PickLabels,
): string[] {
  if (endpoint === "") return ["failure", target, "", "", ""];
  const colon = endpoint.lastIndexOf(":");
  const [ip, port] = [endpoint.slice(0, colon), endpoint.slice(colon + 1)];
  return ["success", target, ip, pools.namespace(pool), port];
}

const extensionPoints = { filter: "Filter", scorer: "Scorer", picker: "Picker" } as const;

/** The reference's names of what its own refusals are answered with. */
const errorCodes: Readonly<Record<RequestError["status"], string>> = {
  400: "BadRequest",
  404: "NotFound",
  413: "BadRequest",
  415: "BadRequest",
  429: "ResourceExhausted",
  503: "ServiceUnavailable",
};

const flowOutcomes: Readonly<Record<string, string>> = {
  QUEUE_FULL: "RejectedCapacity",
  EVICTED: "EvictedOther",
  TTL_EXPIRED: "EvictedTTL",
  NO_ENDPOINTS: "EvictedNoEndpoints",
  CANCELLED: "EvictedContextCancelled",
  SHUTTING_DOWN: "RejectedOther",
};
