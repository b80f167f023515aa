import type { Segment } from "../report/segment.ts";
import { segmentText } from "../report/segment-text.ts";
import type { ReportVerdict } from "../report/shadow-report.ts";
import type { SegmentSettings } from "./segment-settings.ts";

/** Smallest share of a flagged kind of request that prevents a PASS. */
const minShare = 0.05;

/** Prevents a PASS, unless the settings only want a warning, if the shadow is worse for a kind of request that is not rare. */
export function holdForSegments(
  verdict: ReportVerdict,
  segments: readonly Segment[],
  { effect }: Pick<SegmentSettings, "effect">,
): ReportVerdict {
  if (effect === "warn") return verdict;
  const holding = segments.filter(({ flagged, share }) => flagged && share >= minShare);
  if (verdict.status !== "PASS" || holding.length === 0) return verdict;
  return {
    ...verdict,
    status: "INCONCLUSIVE",
    reasons: holding.map((segment) => ({
      code: "segment_worse",
      gate: segment.gate,
      text: `PASS blocked: worse for ${segmentText(segment)}`,
    })),
    next: {
      action:
        "examine these requests, then fix the shadow or release it only for the other requests",
      eta_s: null,
    },
  };
}
