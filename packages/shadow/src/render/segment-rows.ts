import { changesApart, changeWords } from "../report/change-words.ts";
import type { LaneEvent } from "../report/over-time.ts";
import type { Segment } from "../report/segment.ts";
import { segmentName } from "../report/segment-text.ts";
import type { ShadowReport, Stratum } from "../report/shadow-report.ts";
import { clock, count, duration, percent, unknown } from "./format.ts";

/** One kind of request under one gate, in words. */
export interface SegmentRow {
  readonly name: string;
  readonly gate: string;
  readonly flagged: boolean;
  readonly isJudged: boolean;
  readonly change: Pick<Segment, "kind" | "estimate" | "lower" | "upper" | "margin">;
  readonly share: string;
  readonly n: string;
  readonly estimate: string;
  readonly interval: string;
  readonly margin: string;
  /** `✗ worse`, `✓ not worse`, `· too few pairs to judge` */
  readonly status: string;
}

const minShown = 30;

/** Rows of the segments with enough pairs, flagged ones first. */
export function segmentRows({
  segments,
  strata,
  evaluation,
  funnel,
}: ShadowReport): readonly SegmentRow[] {
  const shown = segments.filter(({ n }) => n >= minShown);
  const cached = strata.filter(({ by, n }) => by === "cached_share" && n >= minShown);
  const [flagged, others] = [
    shown.filter((each) => each.flagged),
    shown.filter((each) => !each.flagged),
  ];
  return [
    ...[...flagged, ...others].map((segment) => rowOf(segment, evaluation.is_final)),
    ...cached.map((stratum) => cachedRow(stratum, funnel.used)),
  ];
}

const cachedNames: Readonly<Record<string, string>> = {
  equal: "equal cached share on both lanes",
  less: "less cached on the shadow",
  more: "more cached on the shadow",
};

/**
 * Cache hits are an effect of the lanes, not a kind of request. They help to explain a difference but are not judged.
 */
function cachedRow({ bucket, n, metric, ...change }: Stratum, used: number): SegmentRow {
  const { estimate, lower, upper } = change;
  const [value, low, high] = changesApart([estimate, lower, upper], [], "ratio");
  return {
    name: cachedNames[bucket] ?? bucket,
    gate: metric === "ttft_ms" ? "TTFT" : "E2E",
    flagged: false,
    isJudged: false,
    change: { ...change, kind: "ratio", margin: 1.1 },
    share: percent(used === 0 ? null : n / used, 1),
    n: count(n),
    estimate: value ?? unknown,
    interval: low === null || high === null ? unknown : `${low} to ${high}`,
    margin: "",
    status: "· described, not judged",
  };
}

function rowOf(segment: Segment, isFinal: boolean): SegmentRow {
  const { estimate, lower, upper, margin, kind, share, n } = segment;
  const [value, low, high] = changesApart([estimate, lower, upper], [margin], kind);
  return {
    name: segmentName(segment),
    ...{ gate: segment.gate, flagged: segment.flagged, isJudged: segment.e_value !== null },
    change: segment,
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
