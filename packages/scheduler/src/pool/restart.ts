import type { ModelServerMetrics } from "../model/endpoint.ts";
import { createAnswerCounts } from "./error-share.ts";
import { evictAdapters, type Member } from "./member.ts";
import { resetSeats } from "./seats.ts";

/** Some exporters round the process start time differently. */
const startToleranceS = 1;

/** True if the server restarted since its last scrape: its start time is later, or a counter decreased. */
export function hasRestarted(before: ModelServerMetrics, after: ModelServerMetrics): boolean {
  if (before.processStartS !== undefined && after.processStartS !== undefined) {
    return after.processStartS > before.processStartS + startToleranceS;
  }
  return (after.generationTokens ?? 0) < (before.generationTokens ?? 0);
}

/** Drops everything believed about the contents of a server that restarted. */
export function clearContents(member: Member): void {
  evictAdapters(member, 0);
  resetSeats(member);
  member.blocks?.shrinkTo(0);
  member.firstGoodMs = undefined;
  // The errors were those of the previous process.
  Object.assign(member.health.counts, createAnswerCounts());
}

/** Halves the known cache contents of a server that was unreachable and does not show whether it restarted. */
export function halveContents(member: Member): void {
  member.blocks?.shrinkTo(Math.floor(member.blocks.size / 2));
}
