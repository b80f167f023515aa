import { knownMetrics } from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";

/** Scores the free share of the KV cache. An endpoint without metrics scores 0. */
export const kvCacheScorer: Scorer = (_request, endpoints) =>
  endpoints.map((endpoint) => 1 - (knownMetrics(endpoint)?.kvCacheUsage ?? 1));
