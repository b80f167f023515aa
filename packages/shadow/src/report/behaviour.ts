/** How each lane streams, reasons and caches. Only described, not judged. */
export interface ReportBehaviour {
  readonly primary: LaneBehaviour;
  readonly shadow: LaneBehaviour;
}

/** Values over used pairs; null if no request shows it. */
export interface LaneBehaviour {
  /** Longest gap between two tokens of a stream. */
  readonly stall_p50_ms: number | null;
  readonly stall_p99_ms: number | null;
  /** Streams with a gap of a second or more, 0..1. */
  readonly stalled_share: number | null;
  /** Share of the time from the first to the last token that is before the first visible token, 0..1. */
  readonly reasoning_share: number | null;
  /** Share of prompt tokens found in the prefix cache, 0..1. */
  readonly cached_share: number | null;
  /** Absent unless more than 1 % of a lane's answers were cut short before their first token. */
  readonly ttft_kaplan_meier?: SurvivalSummary;
}

/**
 * TTFT in ms with answers that were cut short, by the estimator of Kaplan and Meier. It assumes that those would have
 * taken as long as the others; null where too few answers are left to see a quantile.
 */
export interface SurvivalSummary {
  /** Share of the answers that were cut short before their first token, 0..1. */
  readonly cut_share: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
}
