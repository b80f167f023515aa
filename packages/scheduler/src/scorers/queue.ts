import { queueLength } from "../model/endpoint.ts";
import { defineScorer, type Scorer } from "../plugin.ts";
import { lessIsBetter } from "./spread.ts";

/**
 * Prefers short waiting queues, what was sent since the scrape included.
 *
 * Scores depend on the spread among the candidates, not on absolute load, as those of the reference endpoint
 * picker's `queue-scorer`. An endpoint without metrics scores 0.
 */
export const queueScorer: Scorer = lessIsBetter("queue", (endpoint) =>
  endpoint.metrics.kind === "missing" ? undefined : queueLength(endpoint),
);

export interface LoadAwareOptions {
  /** Waiting requests that count as full load; 128 when absent. */
  readonly threshold?: number;
}

/**
 * Prefers short waiting queues on a fixed scale: 0.5 for none, falling to 0 at the threshold, as the reference
 * endpoint picker's `load-aware-scorer`. An endpoint without metrics scores 0.
 */
export function loadAwareScorer({ threshold = 128 }: LoadAwareOptions = {}): Scorer {
  return defineScorer({
    name: "load-aware",
    rate: (_request, endpoint) => 0.5 * (1 - Math.min(1, queueLength(endpoint) / threshold)),
  });
}
