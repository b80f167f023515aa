/** How requests are grouped. `prompt_bytes` is used if no lane counts tokens, `script` is that of the user's last message. */
export type SegmentBy =
  | "model"
  | "path"
  | "stream"
  | "prompt_tokens"
  | "prompt_bytes"
  | "shape"
  | "priority"
  | "decode"
  | "script";

/** Gates that segments are compared by; `whole.typical` is E2E of answers that are not streamed. */
export type SegmentGate =
  | "ttft.typical"
  | "tpot.typical"
  | "whole.typical"
  | "errors"
  | `out.${string}`;

/** One kind of request under one gate. */
export interface Segment {
  readonly by: SegmentBy;
  readonly bucket: string;
  readonly gate: SegmentGate;
  readonly kind: "ratio" | "rate";
  /** Share of all judged pairs, 0..1. */
  readonly share: number;
  /** Pairs that count for the gate. */
  readonly n: number;
  /** Ratio, or difference of rates. */
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Two-sided level of the interval. */
  readonly level: number;
  /** As in the gate. */
  readonly margin: number;
  /**
   * Evidence that the segment is worse than the margin; null if not tested, because there are too few pairs or the
   * planned end is not reached.
   */
  readonly e_value: number | null;
  /** Worse than the margin, corrected for the number of segments. */
  readonly flagged: boolean;
}
