import type { Member } from "./member.ts";
import { dropState } from "./readiness.ts";

/** Lets time pass: metrics grow stale, ejections end. A pick costs one comparison while nothing is due. */
export interface Aging {
  /** Something that is known of a member ends at `atMs`. */
  expires(atMs: number): void;
  /** Metrics of the member are fresh from `scrapedAtMs` on. */
  scraped(member: Member, scrapedAtMs: number): void;
  /** A time to first token was seen at `seenMs`. */
  sawTtft(seenMs: number): void;
  age(members: readonly Member[], nowMs: number): void;
}

export interface AgingOptions {
  /** Metrics older than this are stale, in ms; longer where a member is scraped less often. */
  readonly staleAfterMs: number;
  /** Ends the ejection where its time is over. */
  readonly reinstate: (member: Member, nowMs: number) => void;
}

/** How long a time to first token counts when no other follows. */
const ttftKeptMs = 60_000;
/** An engine's state counts for so long without a fresh scrape. */
const stateKeptMs = 60_000;

export function createAging({ staleAfterMs, reinstate }: AgingOptions): Aging {
  let dueMs = Number.POSITIVE_INFINITY;

  function expires(atMs: number): void {
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
        expires(untilMs);
        return;
      }
      member.metrics = { kind: "stale", metrics: metrics.metrics };
    }
    if (metrics.metrics.state === undefined) return;
    if (nowMs - scrapedAtMs > stateKeptMs) dropState(member, metrics.metrics);
    else expires(scrapedAtMs + stateKeptMs);
  }

  return {
    expires,
    scraped: (member, scrapedAtMs) => expires(freshUntil(member, scrapedAtMs)),
    sawTtft: (seenMs) => expires(seenMs + ttftKeptMs),
    age(members, nowMs) {
      if (nowMs < dueMs) return;
      dueMs = Number.POSITIVE_INFINITY;
      for (const member of members) {
        ageMetrics(member, nowMs);
        // One that was slow once is to be tried again.
        if (nowMs - member.ttftSeenMs > ttftKeptMs) member.ttftMs = undefined;
        else if (member.ttftMs !== undefined) expires(member.ttftSeenMs + ttftKeptMs);
        if (member.isEjected) reinstate(member, nowMs);
        if (member.isEjected) expires(member.health.ejectedUntilMs);
      }
    },
  };
}
