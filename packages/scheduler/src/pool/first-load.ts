import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/** A server that has answered shows its load at the latest after so long, in ms. */
const loadShownAfterMs = 10_000;

/**
 * True where the metrics of a scrape that began at `startedMs` show no load although the endpoint has served: then its
 * page is not one of a server before its first request, but one that can't be read. A server that showed its load
 * before, and does not now, has restarted.
 */
export function hidesLoad(
  member: Member,
  { showsLoad }: ModelServerMetrics,
  startedMs: number,
): boolean {
  if (showsLoad !== false) return false;
  const { metrics } = member;
  if (metrics.kind !== "missing" && metrics.metrics.showsLoad !== false) {
    member.firstGoodMs = undefined;
  }
  return member.firstGoodMs !== undefined && startedMs > member.firstGoodMs + loadShownAfterMs;
}

/** Says what is wrong with a page that hides its server's load. */
export function hiddenLoadReason(page: string): string {
  return `${page} shows no load, though the endpoint has answered requests`;
}
