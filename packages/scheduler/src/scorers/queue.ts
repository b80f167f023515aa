import { queueLength } from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";
import { betweenLargestAndSmallest } from "./between.ts";

/**
 * Prefers short waiting queues, what was sent since the scrape included.
 *
 * Scores depend on the spread among the candidates, not on absolute load, as those of the reference endpoint
 * picker's `queue-scorer`. An endpoint without metrics scores 0.
 */
export const queueScorer: Scorer = (_request, endpoints) =>
  betweenLargestAndSmallest(
    endpoints.map((endpoint) =>
      endpoint.metrics.kind === "missing" ? undefined : queueLength(endpoint),
    ),
  );
