import { controlHeaders } from "@umbra/envoy-config";
import type { Headers } from "@umbra/ext-proc";
import type { PoolEvent } from "@umbra/scheduler";
import type { Leg } from "@umbra/shadow";
import { controlHeader } from "../decision/control-headers.ts";
import { type RequestError, requestErrors } from "../decision/refusals.ts";
import { isRefusal, type MadeDecision } from "../decision/request-account.ts";
import { compatibleMetrics, prefixPlugin } from "./compatible.ts";
import type { Distribution } from "./distribution.ts";
import type { Count, Exposition } from "./exposition.ts";
import { createLabelValues } from "./label-values.ts";
import type { PickLabels } from "./pick-labels.ts";
import { createTable, type Table } from "./table.ts";

/** The labels of a request in the reference endpoint picker: model, target model, fairness id, priority. */
export type RequestLabels = readonly [
  model: string,
  target: string,
  fairnessId: string,
  priority: string,
];

/** The same counts under the reference endpoint picker's names, for client requests only. */
export interface CompatMetrics {
  labelsOf(pool: string, headers: Headers | undefined, made: MadeDecision): RequestLabels;
  decided(of: RequestLabels, pool: string, made: MadeDecision, sinceArrivalMs: number): void;
  /** A picked request ended. */
  ended(of: RequestLabels, tookMs: number): void;
  /** A request's answer was measured. */
  answered(of: RequestLabels, leg: Leg): void;
  readonly told: (event: PoolEvent) => void;
  /** Removes the rows of pools that are gone, and of models that are gone unless a request of theirs is running. */
  forget(isGone: (model: string) => boolean, isGonePool: (pool: string) => boolean): void;
}

const bytesPerToken = 4;
const newCount = (): Count => ({ value: 0 });
const attemptTableLabels = ["target_model", "pool", "endpoint"];
/** Limited, because clients choose them and each adds a row to every histogram. */
const maxFairnessIds = 100;
/** Tenant names allowed as a label value; anything else becomes `other`. */
const plainId = /^[\w.:/-]{1,64}$/;

export function addCompatMetrics(metrics: Exposition, pools: PickLabels): CompatMetrics {
  const { counts, distributions, read } = compatibleMetrics(metrics);
  const requests = counts("umbra_requests_total");
  const errors = counts("umbra_request_errors_total");
  const running = counts("umbra_requests_running");
  const duration = distributions("umbra_request_duration_seconds");
  const size = distributions("umbra_request_size_bytes");
  const ttft = distributions("umbra_ttft_seconds");
  const tpot = distributions("umbra_tpot_seconds");
  const input = distributions("umbra_input_tokens");
  const output = distributions("umbra_output_tokens");
  const cached = distributions("umbra_cached_tokens");
  const processing = distributions("umbra_request_processing_duration_seconds").at();
  const scheduler = distributions("umbra_scheduler_duration_seconds").at();
  const attempts = metrics.include(attemptTableLabels, createTable(newCount));
  read("umbra_endpoint_picks_total", () =>
    attempts.rows().map(([values, { value }]) => [attemptLabels(values, pools), value]),
  );
  const plugins = distributions("umbra_plugin_duration_seconds");
  const hitRatio = distributions("umbra_prefix_hit_ratio").at(prefixPlugin, prefixPlugin);
  const hitBytes = distributions("umbra_prefix_hit_tokens").at(prefixPlugin, prefixPlugin);
  const rewrites = counts("umbra_model_rewrites_total");
  const queueWait = distributions("umbra_queue_wait_seconds");
  const queued = counts("umbra_queue_requests_total");
  const fairnessIds = createLabelValues(["default-flow"], maxFairnessIds, (id) => plainId.test(id));
  const priorities = createLabelValues(["1", "0", "-1"]);

  const rows = requestRows({ requests, running, size, duration });

  function waited(of: RequestLabels, pool: string, { waitedMs, reason }: MadeDecision): void {
    if (waitedMs === undefined) return;
    const [model, target, fairnessId, priority] = of;
    const outcome = flowOutcomes[reason ?? ""] ?? "Dispatched";
    queued.at(outcome, priority, pool).value++;
    queueWait.at(fairnessId, priority, outcome, pool, model, target).observe(waitedMs / 1_000);
  }

  const tables = { rows, requests, running, size, duration, rewrites, queued, queueWait };
  return {
    forget: forgetting({ ...tables, ofRequest: [ttft, tpot, input, output, cached, errors] }),
    labelsOf(pool, headers, { model, target, priority = 0 }) {
      const asked = pools.model(pool, model);
      const sent = target === undefined || target === model ? asked : pools.model(pool, target);
      const id = headers && controlHeader(headers, controlHeaders.fairness);
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

interface RequestTables {
  readonly requests: Table<Count>;
  readonly running: Table<Count>;
  readonly size: Table<Distribution>;
  readonly duration: Table<Distribution>;
}

/** One lookup for all metrics that only have the request's labels. */
function requestRows({ requests, running, size, duration }: RequestTables) {
  return createTable((of) => ({
    requests: requests.at(...of),
    running: running.at(...of),
    size: size.at(...of),
    duration: duration.at(...of),
  }));
}

interface ForgetfulTables extends RequestTables {
  /** Composed of rows of `requests`, `running`, `size` and `duration`. */
  readonly rows: Table<{ readonly running: Count }>;
  readonly rewrites: Table<unknown>;
  readonly queued: Table<unknown>;
  readonly queueWait: Table<unknown>;
  /** Other tables whose first labels are those of a request. */
  readonly ofRequest: readonly Table<unknown>[];
}

function forgetting(tables: ForgetfulTables): CompatMetrics["forget"] {
  const { rows, requests, running, size, duration, rewrites, queued, queueWait } = tables;
  return (isGone, isGonePool) => {
    const isOfGone = ([model = "", target = ""]: readonly string[]) =>
      isGone(model) || isGone(target);
    rows.forget((of, row) => row.running.value === 0 && isOfGone(of));
    const kept = new Set<unknown>(rows.rows().flatMap(([, row]) => Object.values(row)));
    for (const table of [requests, running, size, duration]) {
      table.forget((_, row) => !kept.has(row));
    }
    for (const table of tables.ofRequest) table.forget(isOfGone);
    rewrites.forget(([, ...of]) => isOfGone(of));
    queued.forget(([, , pool = ""]) => isGonePool(pool));
    queueWait.forget(([, , , pool = "", ...of]) => isGonePool(pool) || isOfGone(of));
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

/** The reference's names of the errors of refused requests. */
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
