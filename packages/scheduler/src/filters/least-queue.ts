import { knownQueueLength } from "../model/load.ts";
import type { Filter } from "../plugin.ts";
import { keepLow, type LowBand } from "./lowest-band.ts";

export interface LeastQueueOptions {
  /** The first tenth of the range, 0.1, when absent. */
  readonly band?: LowBand;
}

/**
 * Keeps the endpoints with short queues, counting requests sent since the scrape. For an endpoint without fresh metrics
 * the length is estimated from its requests in flight.
 */
export function leastQueueFilter({ band = 0.1 }: LeastQueueOptions = {}): Filter {
  return {
    name: "least-queue",
    narrow: (_request, endpoints) => keepLow(endpoints, band, knownQueueLength),
  };
}
