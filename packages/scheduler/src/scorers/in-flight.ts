import type { Endpoint } from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";

export interface InFlightOptions {
  /** Requests in flight that still count as idle; 0 when absent. */
  readonly idleThreshold?: number;
  /** Score that an endpoint comes near to when it is hardly busier than an idle one, 0 to 1; 1 when absent. */
  readonly maxBusyScore?: number;
}

/**
 * Prefers endpoints with few requests of this process in flight; needs no metrics. The formula is that of the
 * reference endpoint picker's `active-request-scorer`.
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
