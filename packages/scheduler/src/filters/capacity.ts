import { fullnessByInFlight, loadMetrics, queueLength } from "../model/load.ts";
import { isSheddable } from "../model/request.ts";
import { defineFilter, type Filter } from "../plugin.ts";

export interface CapacityOptions {
  /** Most requests waiting; 5 when absent, `queueThresholdCritical` of the first scheduler. */
  readonly waitingRequests?: number;
  /** Most of the KV cache in use, 0 to 1; 0.8 when absent. */
  readonly kvCacheUsage?: number;
  /** Which requests need the capacity; only sheddable ones when absent. */
  readonly appliesTo?: "sheddable" | "all";
}

/**
 * Keeps the endpoints with capacity to spare; refuses the request where none has. For sheddable requests, which are
 * to leave the rest to others. An endpoint without fresh load metrics has it while this process has fewer requests in
 * flight there than it has seats, 100 where nobody knows.
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

/** Keeps the endpoints with fewer requests of this process in flight; refuses the request where none has. */
export function maxInFlightFilter(requests: number): Filter {
  return defineFilter({
    name: "max-in-flight",
    refusal: "POOL_SATURATED",
    keep: (_request, { inFlight }) => inFlight < requests,
  });
}
