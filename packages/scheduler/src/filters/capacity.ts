import { fullnessByInFlight, loadMetrics, queueLength } from "../model/load.ts";
import { isSheddable } from "../model/request.ts";
import { defineFilter, type Filter } from "../plugin.ts";

export interface CapacityOptions {
  /**
   * Most waiting requests an endpoint may have; 5 when absent, as `queueThresholdCritical` of the Gateway API Inference
   * Extension's first scheduler.
   */
  readonly waitingRequests?: number;
  /** Highest KV-cache usage an endpoint may have, 0 to 1; 0.8 when absent. */
  readonly kvCacheUsage?: number;
  /** Requests that the filter applies to; only sheddable ones when absent. */
  readonly appliesTo?: "sheddable" | "all";
}

/**
 * Keeps the endpoints with spare capacity; refuses the request if there are none. By default it applies only to sheddable
 * requests, so that they leave the remaining capacity to the others. An endpoint without
 * fresh load metrics has spare capacity while this process has fewer requests in flight there than the endpoint has seats
 * (100 if unknown).
 */
export function capacityFilter(options: CapacityOptions = {}): Filter {
  const { waitingRequests = 5, kvCacheUsage = 0.8, appliesTo = "sheddable" } = options;
  return defineFilter({
    name: "sheddable-capacity",
    refusal: "SHED",
    keep(request, endpoint) {
      if (appliesTo === "sheddable" && !isSheddable(request)) return true;
      const known = loadMetrics(endpoint);
      if (known === undefined) return fullnessByInFlight(endpoint) < 1;
      return queueLength(endpoint) <= waitingRequests && (known.kvCacheUsage ?? 0) <= kvCacheUsage;
    },
  });
}

/** Keeps endpoints at which this process has fewer than `requests` in flight; refuses the request if there are none. */
export function maxInFlightFilter(requests: number): Filter {
  return defineFilter({
    name: "max-in-flight",
    refusal: "POOL_SATURATED",
    keep: (_request, { inFlight }) => inFlight < requests,
  });
}
