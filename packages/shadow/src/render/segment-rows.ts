import { changesApart, changeWords } from "../report/change-words.ts";
import type { LaneEvent } from "../report/over-time.ts";
import type { Segment } from "../report/segment.ts";
import { segmentName } from "../report/segment-text.ts";
import type { ShadowReport } from "../report/shadow-report.ts";
import { clock, count, duration, percent, unknown } from "./format.ts";

/** One kind of request under one gate, in words. */
export interface SegmentRow {
  readonly segment: Segment;
  readonly name: string;
  readonly share: string;
  readonly n: string;
  readonly estimate: string;
  readonly interval: string;
  readonly margin: string;
  /** `✗ worse`, `✓ not worse`, `· too few pairs to judge` */
  readonly status: string;
}

const minShown = 30;

/** Segments that are worth a row: flagged ones first, the rest as they come. Few pairs say too little. */
export function segmentRows({ segments, evaluation }: ShadowReport): readonly SegmentRow[] {
  const shown = segments.filter(({ n }) => n >= minShown);
  const [flagged, others] = [
    shown.filter((each) => each.flagged),
    shown.filter((each) => !each.flagged),
  ];
  return [...flagged, ...others].map((segment) => rowOf(segment, evaluation.is_final));
}

function rowOf(segment: Segment, isFinal: boolean): SegmentRow {
  const { estimate, lower, upper, margin, kind, share, n } = segment;
  const [value, low, high] = changesApart([estimate, lower, upper], [margin], kind);
  return {
    segment,
    name: segmentName(segment),
    share: percent(share, 1),
    n: count(n),
    estimate: value ?? unknown,
    interval: low === null || high === null ? unknown : `${low} to ${high}`,
    margin: changeWords(margin, kind),
    status: statusOf(segment, isFinal),
  };
}

function statusOf({ flagged, e_value, lower, upper, margin }: Segment, isFinal: boolean): string {
  if (flagged) return "✗ worse";
  if (!isFinal) return "… judged at the end";
  if (e_value === null) return "· too few pairs to judge";
  if (upper !== null && upper < margin) return "✓ within the margin";
  return lower !== null && lower > margin
    ? "! over the margin, not certain"
    : "· no clear difference";
}

/** `10.0.0.3:8000 (shadow) joined at 00:12:00` */
export function eventWords({ t, until_t, lane, kind, endpoint }: LaneEvent): string {
  const at = clock(t);
  if (kind === "silent" && until_t !== null) {
    return `${endpoint} (${lane}) was silent from ${at} for ${duration(until_t - t)}`;
  }
  return `${endpoint} (${lane}) ${kind === "joined" ? "joined" : "left"} at ${at}`;
}
