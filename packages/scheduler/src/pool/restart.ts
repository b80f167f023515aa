import type { ModelServerMetrics } from "../model/endpoint.ts";
import { createAnswerCounts } from "./error-share.ts";
import { forgetAdapters, type Member } from "./member.ts";
import { forgetSeats } from "./seats.ts";

/** A process's start time is rounded differently by some exporters. */
const startToleranceS = 1;

/** True when the server has restarted since its last scrape: another start time, or a counter that went down. */
export function hasRestarted(before: ModelServerMetrics, after: ModelServerMetrics): boolean {
  if (before.processStartS !== undefined && after.processStartS !== undefined) {
    return after.processStartS > before.processStartS + startToleranceS;
  }
  return (after.generationTokens ?? 0) < (before.generationTokens ?? 0);
}

/** A server that has restarted holds nothing. */
export function forgetContents(member: Member): void {
  forgetAdapters(member, 0);
  forgetSeats(member);
  member.blocks?.shrinkTo(0);
  member.firstGoodMs = undefined;
  // Its errors were another process's.
  Object.assign(member.health.counts, createAnswerCounts());
}

/** A server that was away and does not show whether it restarted: half of what it held may be gone. */
export function doubtContents(member: Member): void {
  member.blocks?.shrinkTo(Math.floor(member.blocks.size / 2));
}
