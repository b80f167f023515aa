import type { Endpoint } from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";

export interface InFlightOptions {
  /** Up to this many requests in flight, an endpoint counts as idle; 0 when absent. */
  readonly idleThreshold?: number;
  /** Upper limit of the score of an endpoint that is not idle, 0 to 1; 1 when absent. */
  readonly maxBusyScore?: number;
}

/**
 * Prefers endpoints with few of this process's requests in flight; needs no metrics. Uses the formula of the reference
 * endpoint picker's `active-request-scorer`.
 */
export function inFlightScorer(options: InFlightOptions = {}): Scorer {
  const { idleThreshold = 0, maxBusyScore = 1 } = options;
  return {
    name: "in-flight",
    score(_request, endpoints, scores) {
      let most = 0;
      for (const { inFlight } of endpoints) most = Math.max(most, inFlight);
      for (let i = 0; i < endpoints.length; i++) {
        const { inFlight } = endpoints[i] as Endpoint;
        const isIdle = inFlight <= idleThreshold;
        scores[i] = isIdle ? 1 : ((most - inFlight) / most) * maxBusyScore;
      }
    },
  };
}
