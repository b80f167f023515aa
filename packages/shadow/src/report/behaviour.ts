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
}
