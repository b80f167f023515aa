import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/** A server must show its load within this time after its first good answer, in ms. */
const loadShownAfterMs = 10_000;

/**
 * True if the metrics of a scrape started at `startedMs` show no load although the endpoint has served requests. Some
 * servers show load only after their first request; after that, a page without load is a page that can't be read. A
 * server that stops showing its load has restarted.
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

/** Returns the message for a metrics page that does not show its server's load. */
export function hiddenLoadReason(page: string): string {
  return `${page} shows no load, though the endpoint has answered requests`;
}
