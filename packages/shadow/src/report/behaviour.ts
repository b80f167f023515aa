/** How each lane streams, thinks and caches; described and not judged. */
export interface ReportBehaviour {
  readonly primary: LaneBehaviour;
  readonly shadow: LaneBehaviour;
}

/** Of pairs that are used; null where no request shows it. */
export interface LaneBehaviour {
  /** Longest gap between two tokens of a stream. */
  readonly stall_p50_ms: number | null;
  readonly stall_p99_ms: number | null;
  /** Streams with a gap of a second or more, 0..1. */
  readonly stalled_share: number | null;
  /** Of the time from the first token to the last, before the first visible one; 0..1. */
  readonly reasoning_share: number | null;
  /** Prompt tokens found in the prefix cache, 0..1. */
  readonly cached_share: number | null;
}
