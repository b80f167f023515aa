import {
  type GateStatus,
  isCensored,
  type Leg,
  type LostTwin,
  type RecorderObserver,
  type ShadowReport,
  type VerdictStatus,
} from "@umbra/shadow";
import type { Exposition, Series } from "../metrics/exposition.ts";
import { createLabelValues } from "../metrics/label-values.ts";
import type { MirrorGate } from "../mirror/mirror-gate.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { EvaluatedRequest } from "./evaluated-request.ts";
import { createOutputMetrics } from "./output-metrics.ts";

export interface ShadowMetricsOptions {
  readonly metrics: Exposition;
  readonly mirrors: Pick<MirrorRegistry, "gates" | "has">;
  readonly latest: () => readonly ShadowReport[];
}

/** OpenTelemetry's bounds for the time to first token, extended upwards. Seconds. */
const ttftBuckets = [
  ...[0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  ...[20, 40, 80, 160],
];
const tpotBuckets = [0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.2, 0.5, 1];
const e2eBuckets = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 160,
];

const gateStatus: Readonly<Record<GateStatus, number>> = {
  NOT_JUDGED: 0,
  PASS: 1,
  FAIL: 2,
  INCONCLUSIVE: 3,
};
const verdictStatus: Readonly<Record<VerdictStatus, number>> = {
  PASS: 1,
  FAIL: 2,
  INCONCLUSIVE: 3,
  INVALID: 4,
};

export interface ShadowMetrics extends RecorderObserver<EvaluatedRequest> {
  /** Removes shadow pools that no mirror has. */
  forgetGone(): void;
}

/** Prometheus metrics of the evaluation. Label values come from the topology and closed lists. */
export function createShadowMetrics(options: ShadowMetricsOptions): ShadowMetrics {
  const { metrics, mirrors } = options;
  const tables = tablesOf(metrics);
  const { ttft, tpot, e2e, logRatio, requests, pairs, tokens, finishes } = tables;
  const outputs = createOutputMetrics(metrics);
  // A model server can write anything, so limit the values.
  const reasons = createLabelValues(["none", "stop", "length", "tool_calls", "content_filter"], 32);
  addGateMetrics(options);
  addReportMetrics(options);

  function leg(candidate: string, { lane, class: legClass, ...measures }: Leg): void {
    requests.at(candidate, lane, legClass).value++;
    if (legClass !== "ok") return;
    if (measures.ttftMs !== undefined) ttft.at(candidate, lane).observe(measures.ttftMs / 1_000);
    if (measures.tpotMs !== undefined) tpot.at(candidate, lane).observe(measures.tpotMs / 1_000);
    if (measures.e2eMs !== undefined) e2e.at(candidate, lane).observe(measures.e2eMs / 1_000);
    if (measures.outTokens !== undefined) tokens.at(candidate, lane).value += measures.outTokens;
    finishes.at(candidate, lane, reasons.of(measures.finishReason ?? "none")).value++;
  }

  /** Undefined if the mirror is gone: its rows are removed. */
  function candidateOf(request: EvaluatedRequest, mirror: string): string | undefined {
    const gate = request.gateOf(mirror);
    return gate !== undefined && mirrors.has(gate) ? gate.candidate : undefined;
  }

  return {
    paired({ primary, shadow }, mirror, request) {
      const candidate = candidateOf(request, mirror);
      if (candidate !== shadow.pool) return;
      leg(candidate, primary);
      leg(candidate, shadow);
      const isCut = isCensored(primary.class) || isCensored(shadow.class);
      pairs.at(candidate, isCut ? "censored" : "paired").value++;
      if (primary.class === "ok" && shadow.class === "ok") {
        outputs.compared(candidate, request.comparisonOf?.(mirror));
      }
      const ratio = (shadow.ttftMs ?? 0) / (primary.ttftMs ?? 0);
      if (ratio > 0 && Number.isFinite(ratio)) logRatio.at(candidate).observe(Math.log(ratio));
    },
    lost(_primary, mirror, twin, request) {
      const candidate = candidateOf(request, mirror);
      if (candidate !== undefined) pairs.at(candidate, outcomeOf[twin]).value++;
    },
    unmirrored(primary, { mirror }, request) {
      const candidate = candidateOf(request, mirror);
      if (candidate !== undefined) leg(candidate, primary);
    },
    forgetGone() {
      const known = new Set(mirrors.gates.map(({ candidate }) => candidate));
      for (const table of [...Object.values(tables), ...outputs.tables]) {
        table.forget(([candidate = ""]) => !known.has(candidate));
      }
    },
  };
}

/** The tables of measured requests. The first label of each is the shadow pool. */
function tablesOf(metrics: Exposition) {
  const labels = ["candidate", "leg"];
  const { ttft, tpot, e2e } = latencies(metrics, labels);
  const logRatio = metrics.histogram({
    name: "umbra_shadow_ttft_log_ratio",
    help: "ln(shadow TTFT / primary TTFT) of pairs, which can't be derived from the two histograms.",
    labels: ["candidate"],
    bounds: Array.from({ length: 21 }, (_, i) => Math.round(i - 10) / 10),
  });
  const requests = metrics.counter({
    name: "umbra_shadow_requests_total",
    help: "Measured requests by lane and class of the answer.",
    labels: [...labels, "class"],
  });
  const pairs = metrics.counter({
    name: "umbra_shadow_pairs_total",
    help: "Mirrored requests by outcome of the pair: paired, censored, lost, unsent or unmeasured.",
    labels: ["candidate", "outcome"],
  });
  const tokens = metrics.counter({
    name: "umbra_shadow_output_tokens_total",
    help: "Output tokens of measured requests.",
    labels,
  });
  const finishes = metrics.counter({
    name: "umbra_shadow_finish_reason_total",
    help: "Measured answers by finish reason of the model server.",
    labels: [...labels, "reason"],
  });
  return { ttft, tpot, e2e, logRatio, requests, pairs, tokens, finishes };
}

function latencies(metrics: Exposition, labels: readonly string[]) {
  const ttft = metrics.histogram({
    name: "umbra_shadow_ttft_seconds",
    help: "Time from dispatch to the first token event, for successful streaming requests.",
    labels,
    bounds: ttftBuckets,
  });
  const tpot = metrics.histogram({
    name: "umbra_shadow_tpot_seconds",
    help: "Time per output token after the first, for successful streaming requests.",
    labels,
    bounds: tpotBuckets,
  });
  const e2e = metrics.histogram({
    name: "umbra_shadow_e2e_seconds",
    help: "Time from dispatch to the last token event, for successful requests.",
    labels,
    bounds: e2eBuckets,
  });
  return { ttft, tpot, e2e };
}

/** Metrics from the mirror controllers, read at each scrape. */
function addGateMetrics({ metrics, mirrors }: ShadowMetricsOptions): void {
  const read = (
    type: "counter" | "gauge",
    name: string,
    help: string,
    labels: readonly string[],
    values: (gate: MirrorGate) => readonly (readonly [readonly string[], number])[],
  ) => {
    metrics.add({
      type,
      name,
      help,
      labels: ["candidate", ...labels],
      read: () => summed(mirrors.gates.map((gate) => [gate.candidate, values(gate)] as const)),
    });
  };
  read(
    "counter",
    "umbra_shadow_mirror_dropped_total",
    "Sampled requests that were not mirrored, by reason.",
    ["reason"],
    (gate) => Object.entries(gate.state().dropped).map(([reason, count]) => [[reason], count]),
  );
  read(
    "counter",
    "umbra_shadow_not_eligible_total",
    "Requests that are not eligible for mirroring, by reason.",
    ["reason"],
    (gate) => Object.entries(gate.state().notEligible).map(([reason, count]) => [[reason], count]),
  );
  read(
    "counter",
    "umbra_shadow_eligible_total",
    "Requests that are eligible for mirroring.",
    [],
    (gate) => [[[], gate.state().eligible]],
  );
  read(
    "counter",
    "umbra_shadow_sampled_total",
    "Eligible requests that were sampled.",
    [],
    (gate) => [[[], gate.state().sampled]],
  );
  read("gauge", "umbra_shadow_in_flight", "Running mirrored requests.", [], (gate) => [
    [[], gate.state().inFlight],
  ]);
  read("gauge", "umbra_shadow_paused", "1 while mirroring is paused.", [], (gate) => [
    [[], Number(gate.state().paused)],
  ]);
  read(
    "gauge",
    "umbra_shadow_budget_used_ratio",
    "Used share of the budget that ends the evaluation.",
    ["kind"],
    (gate) => Object.entries(gate.state().budgetUsed).map(([kind, share]) => [[kind], share]),
  );
}

/** Sums values, because two routes may mirror to one candidate. */
function summed(
  gates: readonly (readonly [string, readonly (readonly [readonly string[], number])[]])[],
): readonly Series[] {
  const sums = new Map<string, [readonly string[], number]>();
  for (const [candidate, values] of gates) {
    for (const [of, value] of values) {
      const key = [candidate, ...of].join("\n");
      const sum = sums.get(key) ?? [[candidate, ...of], 0];
      sum[1] += value;
      sums.set(key, sum);
    }
  }
  return [...sums.values()];
}

/** Metrics from the last analysis. */
function addReportMetrics({ metrics, latest }: ShadowMetricsOptions): void {
  const gauge = (
    name: string,
    help: string,
    labels: readonly string[],
    values: (report: ShadowReport) => readonly (readonly [readonly string[], number | null])[],
  ) => {
    metrics.gauge({ name, help, labels: ["candidate", ...labels] }, () =>
      latest().flatMap((report) =>
        values(report).flatMap(([of, value]): Series[] =>
          value === null ? [] : [[[report.candidate.pool, ...of], value]],
        ),
      ),
    );
  };
  const ofGates =
    (value: (gate: ShadowReport["gates"][number]) => number | null) => (report: ShadowReport) =>
      report.gates.map((gate) => [[gate.id], value(gate)] as const);
  const ofCheck = (id: string) => (report: ShadowReport) =>
    [[[], report.validity.find((check) => check.id === id)?.value ?? null]] as const;
  gauge(
    "umbra_shadow_gate_estimate",
    "Estimate of a gate: a ratio, or a rate difference.",
    ["gate"],
    ofGates(({ estimate }) => estimate),
  );
  gauge(
    "umbra_shadow_gate_lower",
    "Lower bound of a gate.",
    ["gate"],
    ofGates(({ interval }) => interval?.lower ?? null),
  );
  gauge(
    "umbra_shadow_gate_upper",
    "Upper bound of a gate.",
    ["gate"],
    ofGates(({ interval }) => interval?.upper ?? null),
  );
  gauge(
    "umbra_shadow_gate_margin",
    "Margin of a gate.",
    ["gate"],
    ofGates(({ margin }) => margin),
  );
  gauge(
    "umbra_shadow_gate_status",
    "0 not evaluated, 1 pass, 2 fail, 3 inconclusive.",
    ["gate"],
    ofGates(({ status }) => gateStatus[status]),
  );
  gauge(
    "umbra_shadow_evalue_log",
    "Natural logarithm of a rate gate's e-value.",
    ["gate"],
    ofGates(({ e_value }) => (e_value === null ? null : Math.log(Math.max(e_value, 1e-300)))),
  );
  gauge(
    "umbra_shadow_verdict",
    "1 PASS, 2 FAIL, 3 INCONCLUSIVE, 4 INVALID; absent before the first analysis.",
    [],
    ({ verdict }) => [[[], verdictStatus[verdict.status]]],
  );
  gauge(
    "umbra_shadow_mirror_lag_seconds",
    "Median time from the primary's dispatch to the shadow's.",
    ["quantile"],
    (report) => {
      const value = report.validity.find((check) => check.id === "mirror_lag_ms")?.value ?? null;
      return [[["0.5"], value === null ? null : value / 1_000]];
    },
  );
  gauge(
    "umbra_shadow_load_ratio",
    "Requests per endpoint of the shadow divided by those of the primary.",
    [],
    ofCheck("load_ratio"),
  );
  gauge(
    "umbra_shadow_primary_protection_lower",
    "Lower bound of the primary's latency with mirroring divided by that without; the estimate if there is no bound.",
    [],
    ofCheck("primary_protection"),
  );
}

/** Only a twin that was sent and never answered is a loss of the shadow's. */
const outcomeOf: Readonly<Record<LostTwin, string>> = {
  unanswered: "lost",
  unsent: "unsent",
  unmeasured: "unmeasured",
};
