import type { ReportBehaviour } from "./behaviour.ts";
import type { ReportLabels } from "./labels.ts";
import type { OverTime } from "./over-time.ts";
import type { ReportCost } from "./report-cost.ts";
import type { Segment } from "./segment.ts";

/**
 * The verdict on a candidate with all that it stands on: `shadow-report/2`. Stable; the JSON of `umbra report -o json`
 * and the only input of every rendering. Numbers are finite or null. Times of day are ISO 8601; durations carry
 * their unit. `docs/shadow-report.schema.json` describes it for other programs.
 */
export interface ShadowReport {
  readonly schema: "shadow-report/2";
  readonly evaluation: ReportEvaluation;
  readonly baseline: ReportIdentity;
  readonly candidate: ReportIdentity;
  /** The control lane, where there is one: then it stands for the primary in every gate. */
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
  /** Comparison of texts; null unless it was asked for. */
  readonly outputs: null;
  readonly strata: readonly Stratum[];
  readonly timeline: readonly TimelinePoint[];
  readonly plots: ReportPlots;
  readonly validity: readonly ValidityCheck[];
  /** Bounds of our own that were reached, in words. */
  readonly limits_hit: readonly string[];
  readonly cost?: ReportCost;
  /** Kinds of requests, compared each by itself. */
  readonly segments: readonly Segment[];
  readonly over_time: OverTime;
  readonly behaviour: ReportBehaviour;
  /** As a user gave them; absent without any. */
  readonly labels?: ReportLabels;
}

export type VerdictStatus = "PASS" | "FAIL" | "INCONCLUSIVE" | "INVALID";
export type GateStatus = "PASS" | "FAIL" | "INCONCLUSIVE" | "NOT_JUDGED";
export type MetricName = "ttft_ms" | "ttfo_ms" | "tpot_ms" | "e2e_ms";

export interface ReportEvaluation {
  /** From the configuration's hash. */
  readonly id: string;
  /** `namespace/name` of the HTTPRoute. */
  readonly route: string;
  readonly started_at: string;
  readonly ended_at: string;
  /** The planned end is reached: horizon and number of pairs. Gates of look `final` are judged only then. */
  readonly is_final: boolean;
  readonly elapsed_s: number;
  readonly horizon_s: number;
  readonly min_pairs: number;
  /** Left out at the start. */
  readonly warmup_s: number;
  readonly config_sha256: string;
  readonly seed: number;
  readonly alpha: number;
  /** How long swings of the load last, and how many the judged time holds; null before it can be told. */
  readonly load: LoadMemory | null;
  readonly slo_ms: { readonly ttft?: number; readonly tpot?: number; readonly e2e?: number };
  /** Percent of eligible requests that are to be mirrored, and by what they are drawn; null when not known. */
  readonly sampling: { readonly percent: number; readonly by: "request" | "session" } | null;
  /** Redacted samples of text on disk; 0 unless asked for by name of option. */
  readonly captured: number;
  /** `namespace/name` of the ShadowPolicy; null where there is none. */
  readonly policy: string | null;
}

/** Measured from the pairs' own correlation in time. */
export interface LoadMemory {
  /** Time constant; 0 where pairs are independent. */
  readonly tau_s: number;
  /** Judged time over the time constant; null where there is no memory. */
  readonly swings: number | null;
  /** Swings that the promised errors need. */
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
  /** Required gates: how many apply, and how many of them pass. */
  readonly required: { readonly gates: number; readonly passed: number };
  /** Gates that are left out, with why. */
  readonly not_judged: readonly NotJudged[];
  readonly reasons: readonly {
    /** Closed list, see `docs/evaluation.md`. */
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
  /** Requests that may not be mirrored, by reason; absent where nobody counted them. */
  readonly not_eligible?: Readonly<Record<string, number>>;
  readonly eligible: number;
  readonly sampled: number;
  /** Mirrored. */
  readonly dispatched: number;
  readonly paired: number;
  /** Mirrored requests whose twin never came: bad shadow legs, of class `lost`. */
  readonly lost: number;
  /** Mirrored requests whose twin was not measured, for want of our own room: no fault of the shadow. */
  readonly unmeasured?: number;
  /** Pairs of the warm-up, which are left out. */
  readonly warmup: number;
  /** Both legs ok, not in the warm-up: what latency gates are judged on. */
  readonly used: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly censored: Readonly<Record<string, number>>;
  /** Mirrored requests that are not over. */
  readonly in_flight?: number;
  /**
   * Pairs behind the warm-up that are not used, by reason: `error`, `retried`, `other_kind` (one lane streamed), or the class of
   * a censored leg. `paired = warmup + used + all of these`.
   */
  readonly not_used?: Readonly<Record<string, number>>;
}

export interface GateResult {
  /** For example `ttft.typical`. */
  readonly id: string;
  readonly required: boolean;
  /** `ratio`: shadow over baseline, 1 is equal. `rate`: shadow minus baseline, 0 is equal; lower is better. */
  readonly kind: "ratio" | "rate";
  readonly status: GateStatus;
  /** Why it is undecided or not judged; null of PASS and FAIL. */
  readonly reason: GateReason | null;
  /** What each lane showed: ms, or a rate 0..1; null when not known. */
  readonly primary: number | null;
  readonly shadow: number | null;
  readonly estimate: number | null;
  /** Decides PASS: its upper end is under the margin (of two-sided gates both ends are inside). */
  readonly interval: Interval | null;
  /** Decides FAIL: its lower end is over the margin. Wider than `interval`: any required gate may fail the whole. */
  readonly fail_interval: Interval | null;
  /** When its status became final; null while it may change. */
  readonly decided_at: string | null;
  /** Smallest change that this much data finds with 80 % power, in the unit of `estimate`: 1.14, or 0.004. */
  readonly smallest_detectable: number | null;
  readonly method: string;
  /** As a ratio (1.10) or a rate (0.005). */
  readonly margin: number;
  /** Lower end, for gates with two sides. */
  readonly margin_low: number | null;
  readonly n: number;
  /** Of rates: bad requests on each lane, and bursts of them; null of ratios. */
  readonly events: GateEvents | null;
  readonly blocks: number | null;
  readonly block_s: number | null;
  readonly lag1: number | null;
  /** Largest e-value so far for a FAIL, with what FAIL needs; for rates. */
  readonly e_value: number | null;
  readonly e_needed: number | null;
  /** `anytime`: a status may come at every look. `final`: judged at the planned end only. */
  readonly look: "anytime" | "final";
  readonly eta_s: number | null;
}

/** Null: no bound on that side. */
export interface Interval {
  readonly lower: number | null;
  readonly upper: number | null;
  /** Two-sided: 0.90 leaves 5 % on each side. */
  readonly level: number;
}

/** Why a gate has no answer. */
export interface GateReason {
  readonly code: GateReasonCode;
  /** What there is and what is needed, in the unit of `code`: pairs or blocks. */
  readonly has: number | null;
  readonly needs: number | null;
  /** The same in words, without full stop. */
  readonly text: string;
}

/**
 * `too_few_pairs`, `too_few_blocks`: not enough data yet. `at_end`: judged at the planned end. `too_close`: the interval
 * holds the margin. `cut_short`: so many clients left before an answer could be timed that its tail is not known (`has`: their
 * share). `rare_traffic`: so few requests are of this kind that the verdict does not wait for them.
 */
export type GateReasonCode =
  | "too_few_pairs"
  | "too_few_blocks"
  | "at_end"
  | "too_close"
  | "cut_short"
  | "rare_traffic";

export interface GateEvents {
  readonly primary: number;
  readonly shadow: number;
  /** The longest run of the shadow's bad requests that came close together; null where they are spread. */
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

/** Of pairs that are used. All null of none. */
export interface LaneSummary {
  readonly n: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  /** Upper end of a bucket in ms, and number in it; buckets without any are left out. */
  readonly histogram: readonly (readonly [number, number])[];
}

export interface LaneThroughput {
  /** As in `cost`: of all that the lane's endpoints answered; null where only the mirrored part of it is known. */
  readonly tokens_per_s: number | null;
  readonly tokens_per_s_per_replica: number | null;
  /** Mirrored requests that met every SLO, per second; null without an SLO. */
  readonly goodput_per_s: number | null;
  readonly requests: number;
}

export type MatrixCell = readonly [primary: string, shadow: string, count: number];

export interface ReportTokens {
  /** Share of pairs by where token counts came from. */
  readonly provenance: { readonly usage: number; readonly chunks: number };
  readonly output: { readonly primary: number; readonly shadow: number };
  /** Median of shadow over primary prompt tokens of the same prompt; far from 1: another tokenizer. */
  readonly prompt_ratio: number | null;
  readonly same_tokenizer: boolean | null;
}

/** Pairs of one kind; described and not judged. */
export interface Stratum {
  readonly by: "prompt_tokens" | "prompt_bytes" | "stream" | "cached_share";
  readonly bucket: string;
  readonly n: number;
  readonly metric: MetricName;
  /** Geometric mean ratio with a 90 % interval by blocks of time; without bounds of fewer than 20 blocks. */
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
}

/** One block of `ttft.typical` (of `e2e.typical` where nothing streams). */
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
  /** Up to 2,000 pairs of [primary ms, shadow ms]; TTFT, or E2E where nothing streams. */
  readonly scatter: { readonly metric: "ttft_ms" | "e2e_ms"; readonly points: readonly Point[] };
}

export type Point = readonly [number, number];

export interface ValidityCheck {
  readonly id: string;
  /** What is checked, in words. */
  readonly text: string;
  readonly value: number | null;
  readonly limits: readonly [number | null, number | null] | null;
  /** Bounds of the value, at 99 % one-sided; the one that decides is outside of the limits when `ok` is false. */
  readonly lower?: number | null;
  readonly upper?: number | null;
  /** Null: can't be told from what is known. */
  readonly ok: boolean | null;
  /** Outside of its limits so far, and only judged at the planned end. `ok` is null then. */
  readonly at_risk?: boolean;
  /** Why it can't be told, or what to do; one sentence without full stop. */
  readonly note?: string | null;
  /** What a failure does: makes the report INVALID, keeps it from PASS, or is only told. */
  readonly effect: "invalid" | "inconclusive" | "warning";
}
