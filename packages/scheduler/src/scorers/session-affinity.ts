import type { Endpoint } from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";
import { hashText } from "../prefix/prompt-hash.ts";

export interface SessionAffinityOptions {
  /** How long an idle session is remembered, in ms; 300,000 when absent. */
  readonly ttlMs?: number;
  /** Most sessions to remember; the one idle longest is dropped first. 10,000 when absent. */
  readonly maxSessions?: number;
}

/**
 * Scores 1 for the endpoint that last served the request's session, 0 for the others. If the session is unknown or its
 * endpoint has left, a hash selects the endpoint, the same in every picker process. Without a session all score 0.
 */
export function sessionAffinityScorer(options: SessionAffinityOptions = {}): Scorer {
  const { ttlMs = 300_000, maxSessions = 10_000 } = options;
  /** Sessions, longest idle first. */
  const sessions = new Map<string, { readonly address: string; readonly seenMs: number }>();

  return {
    name: "session-affinity",
    score({ session }, endpoints, scores, { nowMs }) {
      if (session === undefined) return;
      const seen = sessions.get(session);
      let home =
        seen === undefined || nowMs - seen.seenMs > ttlMs
          ? -1
          : endpoints.findIndex(({ address }) => address === seen.address);
      if (home < 0) home = homeOf(session, endpoints);
      for (let i = 0; i < endpoints.length; i++) scores[i] = i === home ? 1 : 0;
    },
    onPicked({ session }, { address }, { nowMs }) {
      if (session === undefined) return;
      sessions.delete(session);
      sessions.set(session, { address, seenMs: nowMs });
      if (sessions.size > maxSessions) sessions.delete(sessions.keys().next().value as string);
    },
  };
}

/** Rendezvous hashing: when an endpoint joins or leaves, only its own sessions move. */
function homeOf(session: string, endpoints: readonly Endpoint[]): number {
  const seed = hashText(session, 0);
  let home = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < endpoints.length; i++) {
    const rank = hashText((endpoints[i] as Endpoint).address, seed);
    if (rank > highest) {
      highest = rank;
      home = i;
    }
  }
  return home;
}
