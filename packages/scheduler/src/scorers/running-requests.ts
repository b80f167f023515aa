import { knownMetrics } from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";
import { betweenLargestAndSmallest } from "./between.ts";

/** Prefers small running batches. An endpoint without metrics scores 0. */
export const runningRequestsScorer: Scorer = (_request, endpoints) =>
  betweenLargestAndSmallest(
    endpoints.map((endpoint) => {
      const metrics = knownMetrics(endpoint);
      return metrics === undefined ? undefined : metrics.runningRequests + endpoint.sentSinceScrape;
    }),
  );
