/** What requests are told apart by. `prompt_bytes` where no lane counts tokens. */
export type SegmentBy =
  | "model"
  | "path"
  | "stream"
  | "prompt_tokens"
  | "prompt_bytes"
  | "shape"
  | "priority";

/** Gates that segments are compared by; `whole.typical` is E2E of answers that are not streamed. */
export type SegmentGate = "ttft.typical" | "tpot.typical" | "whole.typical" | "errors";

/** One kind of request under one gate. */
export interface Segment {
  readonly by: SegmentBy;
  readonly bucket: string;
  readonly gate: SegmentGate;
  readonly kind: "ratio" | "rate";
  /** Of all judged pairs, 0..1. */
  readonly share: number;
  /** Pairs that count for the gate. */
  readonly n: number;
  /** Ratio, or difference of rates. */
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Of the interval, two-sided. */
  readonly level: number;
  /** As in the gate. */
  readonly margin: number;
  /** Evidence that the segment is worse than the margin; null where it is not tested: too few pairs, or not the planned end yet. */
  readonly e_value: number | null;
  /** Worse than the margin, allowing for the number of segments that were looked at. */
  readonly flagged: boolean;
}
