import type { Segment } from "../report/segment.ts";
import { segmentText } from "../report/segment-text.ts";
import type { ReportVerdict } from "../report/shadow-report.ts";

/** A flagged kind of request of this share or more keeps the verdict from PASS. */
const minShare = 0.05;

/** Keeps a verdict from PASS where the shadow is worse for a kind of request that is not rare. */
export function holdForSegments(
  verdict: ReportVerdict,
  segments: readonly Segment[],
): ReportVerdict {
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
      action: "look at these requests, then fix the candidate or release it for the others only",
      eta_s: null,
    },
  };
}
