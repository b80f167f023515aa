import type { ReportBehaviour } from "./behaviour.ts";
import type { ReportLabels } from "./labels.ts";
import type { OverTime } from "./over-time.ts";
import type { ReportCost } from "./report-cost.ts";
import type { ReportOutputs } from "./report-outputs.ts";
import type { Segment } from "./segment.ts";

/**
 * The verdict on a shadow with all its evidence: `shadow-report/3` with `outputs`, `shadow-report/2` without. Stable: it is the JSON of `umbra report -o json`
 * and the only input of every rendering. Numbers are finite or null. Times are ISO 8601; names of durations end in
 * their unit. `docs/shadow-report.schema.json` describes it for other programs.
 */
export interface ShadowReport {
  readonly schema: ReportSchema;
  readonly evaluation: ReportEvaluation;
  readonly baseline: ReportIdentity;
  readonly candidate: ReportIdentity;
  /** The control lane, if there is one. It then replaces the primary in every gate. */
  readonly control: ReportIdentity | null;
  readonly verdict: ReportVerdict;
  readonly funnel: ReportFunnel;
  readonly gates: readonly GateResult[];
  readonly metrics: Readonly<Record<MetricName, MetricSummary>>;
  readonly throughput: { readonly primary: LaneThroughput; readonly shadow: LaneThroughput };
  /** Pairs by class of primary and shadow. */
  readonly errors: { readonly matrix: readonly MatrixCell[]; readonly mcnemar_p: number | null };
  /** Pairs by finish reason of primary and shadow. */
  readonly finish_reasons: { readonly matrix: readonly MatrixCell[] };
  readonly tokens: ReportTokens;
  /** What the answers say; null if the samples do not tell, and always in `shadow-report/2`. */
  readonly outputs: ReportOutputs | null;
  readonly strata: readonly Stratum[];
  readonly timeline: readonly TimelinePoint[];
  readonly plots: ReportPlots;
  readonly validity: readonly ValidityCheck[];
  /** Umbra's own limits that were reached, in words. */
  readonly limits_hit: readonly string[];
  readonly cost?: ReportCost;
  /** Kinds of requests, each compared separately. */
  readonly segments: readonly Segment[];
  readonly over_time: OverTime;
  readonly behaviour: ReportBehaviour;
  /** Labels from the user; absent if there are none. */
  readonly labels?: ReportLabels;
}

/** `shadow-report/2` has no `outputs`; all else is the same in both. */
export type ReportSchema = "shadow-report/2" | "shadow-report/3";

export type VerdictStatus = "PASS" | "FAIL" | "INCONCLUSIVE" | "INVALID";
export type GateStatus = "PASS" | "FAIL" | "INCONCLUSIVE" | "NOT_JUDGED";
export type MetricName = "ttft_ms" | "ttfo_ms" | "tpot_ms" | "e2e_ms";

export interface ReportEvaluation {
  /** Name of the evaluation, from the configuration's hash. */
  readonly id: string;
  /** `namespace/name` of the HTTPRoute. */
  readonly route: string;
  readonly started_at: string;
  readonly ended_at: string;
  /** The planned end is reached: horizon and number of pairs. Gates with `look: "final"` are judged only then. */
  readonly is_final: boolean;
  readonly elapsed_s: number;
  readonly horizon_s: number;
  readonly min_pairs: number;
  /** Warm-up that is left out at the start. */
  readonly warmup_s: number;
  readonly config_sha256: string;
  readonly seed: number;
  readonly alpha: number;
  /** How long swings of the load last, and how many are in the judged time; null while unknown. */
  readonly load: LoadMemory | null;
  readonly slo_ms: { readonly ttft?: number; readonly tpot?: number; readonly e2e?: number };
  /** Percentage of eligible requests to mirror, and what they are drawn by; null if unknown. */
  readonly sampling: { readonly percent: number; readonly by: "request" | "session" } | null;
  /** Redacted text samples on disk; 0 unless explicitly enabled. */
  readonly captured: number;
  /** `namespace/name` of the ShadowPolicy; null if there is none. */
  readonly policy: string | null;
  /** Which version of the ShadowPolicy, as the API server counts; absent for one from a file. */
  readonly policy_generation?: number;
  /** When the evaluation was closed, and why; absent while it runs. */
  readonly closed?: EvaluationClosed;
}

export interface EvaluationClosed {
  /** ISO 8601. */
  readonly at: string;
  readonly why: ClosedWhy;
}

/** `changed`: another evaluation of the same shadow began, with other settings. `removed`: the mirror was removed. */
export type ClosedWhy = "changed" | "removed";

/** Measured from the pairs' own correlation in time. */
export interface LoadMemory {
  /** Time constant; 0 if pairs are independent. */
  readonly tau_s: number;
  /** Judged time divided by the time constant; null if pairs are independent. */
  readonly swings: number | null;
  /** Swings needed for the promised error rates. */
  readonly swings_needed: number;
}

export interface ReportIdentity {
  readonly pool: string;
  readonly models: readonly string[];
  readonly engine: string | null;
  /** Endpoints seen or known. */
  readonly replicas: number | null;
}

export interface ReportVerdict {
  readonly status: VerdictStatus;
  /**
   * When the verdict became final, and at which stage: 1 is the planned end, each later stage ends at twice the time
   * of the one before and spends half of its error. Null before. A final verdict does not change within its stage.
   */
  readonly final: VerdictFinal | null;
  /** Number of required gates that apply, and how many of them pass. */
  readonly required: { readonly gates: number; readonly passed: number };
  /** Gates that are left out, with the reason. */
  readonly not_judged: readonly NotJudged[];
  readonly reasons: readonly {
    /** Code from a closed list, see `docs/evaluation.md`. */
    readonly code: string;
    readonly gate: string | null;
    /** One sentence without full stop. */
    readonly text: string;
  }[];
  readonly next: {
    /** What to do, one sentence without full stop. */
    readonly action: string;
    readonly eta_s: number | null;
  };
}

export interface VerdictFinal {
  /** ISO 8601. */
  readonly at: string;
  readonly stage: number;
}

export interface NotJudged extends GateReason {
  readonly gate: string;
  readonly required: boolean;
}

/** Where requests were lost on the way to a judged pair. */
export interface ReportFunnel {
  /** Requests that may not be mirrored, by reason; absent if they were not counted. */
  readonly not_eligible?: Readonly<Record<string, number>>;
  readonly eligible: number;
  readonly sampled: number;
  /** Mirrored. */
  readonly dispatched: number;
  readonly paired: number;
  /** Mirrored requests whose twin was sent and never arrived: bad shadow legs of class `lost`. */
  readonly lost: number;
  /** Mirrored requests whose twin the gateway never sent: no fault of the shadow. Absent in earlier reports, which count them as lost. */
  readonly unsent?: number;
  /** Mirrored requests whose twin was not measured, for want of our own room: no fault of the shadow. */
  readonly unmeasured?: number;
  /** Pairs of the warm-up, which are left out. */
  readonly warmup: number;
  /** Both legs ok, not in the warm-up: what latency gates are judged on. */
  readonly used: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly censored: Readonly<Record<string, number>>;
  /** Mirrored requests that have not ended. */
  readonly in_flight?: number;
  /**
   * Pairs after the warm-up that are not used, by reason: `error`, `retried`, `other_kind` (one lane streamed),
   * `no_control` (the control did not answer), or the class of a censored leg. `paired = warmup + used + all of these`.
   */
  readonly not_used?: Readonly<Record<string, number>>;
}

export interface GateResult {
  /** For example `ttft.typical`. */
  readonly id: string;
  readonly required: boolean;
  /** `ratio`: shadow over primary, 1 is equal. `rate`: shadow minus primary, 0 is equal. Lower is better. */
  readonly kind: "ratio" | "rate";
  readonly status: GateStatus;
  /** Why it is undecided or not judged; null for PASS and FAIL. */
  readonly reason: GateReason | null;
  /** Value of the primary: ms, or a rate 0..1; null if unknown. */
  readonly primary: number | null;
  readonly shadow: number | null;
  readonly estimate: number | null;
  /**
   * For gates about agreement, which are judged on requests that the control answered too: the estimate with the other
   * pairs as a control variate. Less uncertain than `estimate` where few requests have a control. Absent for others.
   */
  readonly estimate_all?: number | null;
  /** Decides PASS: its upper end must be under the margin (for two-sided gates, both ends inside). */
  readonly interval: Interval | null;
  /**
   * Decides FAIL: its lower end must be over the margin. Wider than `interval`, because any required gate can fail the
   * evaluation. For `out.*` gates at the planned end, over 0, and `interval` over the margin.
   */
  readonly fail_interval: Interval | null;
  /** When its status became final; null while it may change. */
  readonly decided_at: string | null;
  /** Smallest change that this amount of data detects with 80 % power, in the unit of `estimate`: 1.14, or 0.004. */
  readonly smallest_detectable: number | null;
  readonly method: string;
  /** As a ratio (1.10) or a rate (0.005). */
  readonly margin: number;
  /** Lower end, for gates with two sides. */
  readonly margin_low: number | null;
  readonly n: number;
  /** For rates: bad requests on each lane and bursts of them. Null for ratios. */
  readonly events: GateEvents | null;
  readonly blocks: number | null;
  readonly block_s: number | null;
  readonly lag1: number | null;
  /** For rates: largest e-value for a FAIL so far. */
  readonly e_value: number | null;
  readonly e_needed: number | null;
  /** `anytime`: may be decided at every analysis. `final`: judged only at the planned end. */
  readonly look: "anytime" | "final";
  readonly eta_s: number | null;
}

/** An interval; null means no bound on that side. */
export interface Interval {
  readonly lower: number | null;
  readonly upper: number | null;
  /** Two-sided: 0.90 leaves 5 % on each side. */
  readonly level: number;
}

/** Why a gate is undecided. */
export interface GateReason {
  readonly code: GateReasonCode;
  /** Available and needed amounts, in the unit of `code`: pairs or blocks. */
  readonly has: number | null;
  readonly needs: number | null;
  /** The same in words, without full stop. */
  readonly text: string;
}

/**
 * `too_few_pairs`, `too_few_blocks`: not enough data yet. `at_end`: judged at the planned end. `too_close`: the
 * interval contains the margin. `cut_short`: so many clients disconnected before an answer could be timed that its tail
 * is unknown (`has` is their share). `rare_traffic`: so few requests are of this kind that the verdict does not wait
 * for them. `no_floor`: no control lane tells how far the primary agrees with itself. `low_coverage`: too few answers
 * could be compared (`has` is their share). `judge_errors`, `judge_inconsistent`: the judge model gave too few verdicts, or
 * other ones in the other order (`has` is the share).
 */
export type GateReasonCode =
  | "too_few_pairs"
  | "too_few_blocks"
  | "at_end"
  | "too_close"
  | "cut_short"
  | "rare_traffic"
  | "no_floor"
  | "low_coverage"
  | "judge_errors"
  | "judge_inconsistent";

export interface GateEvents {
  readonly primary: number;
  readonly shadow: number;
  /** Largest burst of the shadow's bad requests; null if they are spread out. */
  readonly burst: { readonly events: number; readonly seconds: number } | null;
}

export interface MetricSummary {
  readonly primary: LaneSummary;
  readonly shadow: LaneSummary;
  /** Paired quantile ratios with intervals, by `p50`, `p90`, `p99`; null before the planned end. */
  readonly ratios: Readonly<Record<"p50" | "p90" | "p99", RatioSummary | null>>;
}

export interface RatioSummary {
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
}

/** Values over used pairs; all null without pairs. */
export interface LaneSummary {
  readonly n: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  /** Upper end of each bucket in ms and the number in it; empty buckets are left out. */
  readonly histogram: readonly (readonly [number, number])[];
}

export interface LaneThroughput {
  /** As in `cost`: tokens of everything the lane's endpoints answered; null if only the mirrored part is known. */
  readonly tokens_per_s: number | null;
  readonly tokens_per_s_per_replica: number | null;
  /** Mirrored requests that met every SLO, per second; null without an SLO. */
  readonly goodput_per_s: number | null;
  readonly requests: number;
}

export type MatrixCell = readonly [primary: string, shadow: string, count: number];

export interface ReportTokens {
  /** Share of pairs by the source of token counts. */
  readonly provenance: { readonly usage: number; readonly chunks: number };
  readonly output: { readonly primary: number; readonly shadow: number };
  /** Median of shadow over primary prompt tokens of the same prompt. Far from 1 means different tokenizers. */
  readonly prompt_ratio: number | null;
  readonly same_tokenizer: boolean | null;
}

/** Pairs of one kind. Only described, not judged. */
export interface Stratum {
  readonly by: "prompt_tokens" | "prompt_bytes" | "stream" | "cached_share";
  readonly bucket: string;
  readonly n: number;
  readonly metric: MetricName;
  /** Geometric mean ratio with a 90 % interval by blocks of time; no bounds with fewer than 20 blocks. */
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
}

/** One block of `ttft.typical` (`e2e.typical` if nothing streams). */
export interface TimelinePoint {
  /** Seconds since the start. */
  readonly t: number;
  readonly n: number;
  /** Geometric mean ratio of the block. */
  readonly ratio: number;
  /** Running estimate and confidence sequence up to here; null before it exists. */
  readonly running: number | null;
  readonly cs_lo: number | null;
  readonly cs_hi: number | null;
  readonly errors_p: number;
  readonly errors_s: number;
}

export interface ReportPlots {
  /** Up to 200 points of [ms, share at or below], ascending. */
  readonly ecdf: Readonly<
    Record<
      "ttft_ms" | "tpot_ms" | "e2e_ms",
      { readonly primary: readonly Point[]; readonly shadow: readonly Point[] }
    >
  >;
  /** Up to 2,000 pairs of [primary ms, shadow ms]; TTFT, or E2E if nothing streams. */
  readonly scatter: { readonly metric: "ttft_ms" | "e2e_ms"; readonly points: readonly Point[] };
}

export type Point = readonly [number, number];

export interface ValidityCheck {
  readonly id: string;
  /** What is checked, in words. */
  readonly text: string;
  readonly value: number | null;
  readonly limits: readonly [number | null, number | null] | null;
  /** One-sided 99 % bounds of the value. If `ok` is false, the deciding bound is outside of the limits. */
  readonly lower?: number | null;
  readonly upper?: number | null;
  /** Null if it can't be determined. */
  readonly ok: boolean | null;
  /** Outside of its limits so far, and only judged at the planned end. `ok` is null then. */
  readonly at_risk?: boolean;
  /** Why it is unknown, or what to do; one sentence without full stop. */
  readonly note?: string | null;
  /** Effect of a failure: makes the report INVALID, prevents a PASS, or is only a warning. */
  readonly effect: "invalid" | "inconclusive" | "warning";
}
