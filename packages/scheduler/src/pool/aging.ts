import type { Member } from "./member.ts";
import { dropState } from "./readiness.ts";

/**
 * Applies the passing of time: metrics become stale, ejections end. A pick costs one comparison while nothing is due.
 */
export interface Aging {
  /** Something known about a member expires at `atMs`. */
  scheduleBy(atMs: number): void;
  /** The member's metrics are fresh from `scrapedAtMs` on. */
  recordScrape(member: Member, scrapedAtMs: number): void;
  /** A time to first token was measured at `seenMs`. */
  recordTtft(seenMs: number): void;
  age(members: readonly Member[], nowMs: number): void;
}

export interface AgingOptions {
  /** Metrics older than this are stale, in ms; the limit is longer for members that are scraped less often. */
  readonly staleAfterMs: number;
  /** Ends the member's ejection if its time is over. */
  readonly reinstate: (member: Member, nowMs: number) => void;
}

/** How long a time to first token is used if no newer one is measured, in ms. */
const ttftKeptMs = 60_000;
/** How long an engine's state is used without a fresh scrape, in ms. */
const stateKeptMs = 60_000;

export function createAging({ staleAfterMs, reinstate }: AgingOptions): Aging {
  let dueMs = Number.POSITIVE_INFINITY;

  function scheduleBy(atMs: number): void {
    if (atMs < dueMs) dueMs = atMs;
  }

  function freshUntil({ freshForMs }: Member, scrapedAtMs: number): number {
    return scrapedAtMs + Math.max(staleAfterMs, freshForMs);
  }

  function ageMetrics(member: Member, nowMs: number): void {
    const { metrics } = member;
    if (metrics.kind === "missing") return;
    const { scrapedAtMs } = metrics.metrics;
    if (metrics.kind === "fresh") {
      const untilMs = freshUntil(member, scrapedAtMs);
      if (nowMs <= untilMs) {
        scheduleBy(untilMs);
        return;
      }
      member.metrics = { kind: "stale", metrics: metrics.metrics };
    }
    if (metrics.metrics.state === undefined) return;
    if (nowMs - scrapedAtMs > stateKeptMs) dropState(member, metrics.metrics);
    else scheduleBy(scrapedAtMs + stateKeptMs);
  }

  return {
    scheduleBy,
    recordScrape: (member, scrapedAtMs) => scheduleBy(freshUntil(member, scrapedAtMs)),
    recordTtft: (seenMs) => scheduleBy(seenMs + ttftKeptMs),
    age(members, nowMs) {
      if (nowMs < dueMs) return;
      dueMs = Number.POSITIVE_INFINITY;
      for (const member of members) {
        ageMetrics(member, nowMs);
        // An endpoint that was slow must be tried again.
        if (nowMs - member.ttftSeenMs > ttftKeptMs) member.ttftMs = undefined;
        else if (member.ttftMs !== undefined) scheduleBy(member.ttftSeenMs + ttftKeptMs);
        if (member.isEjected) reinstate(member, nowMs);
        if (member.isEjected) scheduleBy(member.health.ejectedUntilMs);
      }
    },
  };
}
