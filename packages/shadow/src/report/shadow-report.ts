import type { ReportCost } from "./report-cost.ts";

/**
 * The verdict on a candidate with all that it stands on: `shadow-report/1`. Stable; the JSON of `umbra report -o json`
 * and the only input of every rendering. Numbers are finite or null. Times of day are ISO 8601; durations carry
 * their unit. `docs/shadow-report.schema.json` describes it for other programs.
 */
export interface ShadowReport {
  readonly schema: "shadow-report/1";
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
  readonly slo_ms: { readonly ttft?: number; readonly tpot?: number; readonly e2e?: number };
  /** Percent of eligible requests that are to be mirrored, and by what they are drawn; null when not known. */
  readonly sampling: { readonly percent: number; readonly by: "request" | "session" } | null;
  /** Redacted samples of text on disk; 0 unless asked for by name of option. */
  readonly captured: number;
  readonly segments: readonly ReportSegment[];
}

/** A stretch in which models and endpoints were the same. The last one is judged. */
export interface ReportSegment {
  readonly started_at: string;
  readonly pairs: number;
  readonly reason: string;
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

/** Where requests were lost on the way to a judged pair. */
export interface ReportFunnel {
  /** Requests that may not be mirrored, by reason; absent where nobody counted them. */
  readonly not_eligible?: Readonly<Record<string, number>>;
  readonly eligible: number;
  readonly sampled: number;
  /** Mirrored. */
  readonly dispatched: number;
  readonly paired: number;
  /** Both legs ok, not in the warm-up: what latency gates are judged on. */
  readonly used: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly censored: Readonly<Record<string, number>>;
  /** Mirrored requests whose twin never came. */
  readonly lost?: number;
  /** Mirrored requests that are not over. */
  readonly in_flight?: number;
  /** Pairs of the warm-up, and of earlier segments. */
  readonly warmup?: number;
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
  /** What each lane showed: ms, or a rate 0..1; null when not known. */
  readonly primary: number | null;
  readonly shadow: number | null;
  readonly estimate: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Of the interval, two-sided. */
  readonly level: number;
  readonly method: string;
  /** As a ratio (1.10) or a rate (0.005). */
  readonly margin: number;
  /** Lower end, for gates with two sides. */
  readonly margin_low: number | null;
  readonly status: GateStatus;
  /** Why, when the status alone does not say it. */
  readonly note: string | null;
  readonly n: number;
  readonly blocks: number | null;
  readonly block_s: number | null;
  readonly lag1: number | null;
  /** Largest e-value so far, with what PASS needs; for rates. */
  readonly e_value: number | null;
  readonly e_needed: number | null;
  /** `anytime`: holds at every look. `final`: judged at the planned end only. */
  readonly look: "anytime" | "final";
  readonly eta_s: number | null;
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
  /** Output tokens of ok requests, per second of the window. */
  readonly tokens_per_s: number | null;
  readonly tokens_per_s_per_replica: number | null;
  /** Requests that met every SLO, per second; null without an SLO. */
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
