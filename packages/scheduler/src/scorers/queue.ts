import { knownQueueLength, queueLength } from "../model/load.ts";
import { defineScorer, type Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/**
 * Prefers short waiting queues, what was sent since the scrape included.
 *
 * Scores depend on the spread among the candidates, not on absolute load, as those of the reference endpoint
 * picker's `queue-scorer`. An endpoint without fresh metrics scores by its requests in flight: below an idle one.
 */
export const queueScorer: Scorer = lessIsBetter("queue", knownQueueLength);

export interface LoadAwareOptions {
  /** Waiting requests that count as full load; 128 when absent. */
  readonly threshold?: number;
}

/**
 * Prefers short waiting queues on a fixed scale: 0.5 for none, falling to 0 at the threshold, as the reference
 * endpoint picker's `load-aware-scorer`. Of an endpoint without fresh metrics its requests in flight count as waiting.
 */
export function loadAwareScorer({ threshold = 128 }: LoadAwareOptions = {}): Scorer {
  return defineScorer({
    name: "load-aware",
    rate: (_request, endpoint) => 0.5 * (1 - Math.min(1, queueLength(endpoint) / threshold)),
  });
}
