import { knownQueueLength, queueLength } from "../model/load.ts";
import { defineScorer, type Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/**
 * Prefers short waiting queues, counting requests sent since the scrape.
 *
 * Scores depend on the spread among the endpoints, not on absolute load, as in the reference endpoint picker's
 * `queue-scorer`. The queue of an endpoint without fresh metrics is estimated from its requests in flight, so it scores
 * below an idle endpoint.
 */
export const queueScorer: Scorer = lessIsBetter("queue", knownQueueLength);

export interface LoadAwareOptions {
  /** Waiting requests that count as full load; 128 when absent. */
  readonly threshold?: number;
}

/**
 * Prefers short waiting queues on a fixed scale: from 0.5 for an empty queue to 0 at the threshold, as the reference
 * endpoint picker's `load-aware-scorer`. For an endpoint without fresh metrics, its requests in flight count as
 * waiting.
 */
export function loadAwareScorer({ threshold = 128 }: LoadAwareOptions = {}): Scorer {
  return defineScorer({
    name: "load-aware",
    rate: (_request, endpoint) => 0.5 * (1 - Math.min(1, queueLength(endpoint) / threshold)),
  });
}
