import { kvCacheUsage } from "../model/endpoint.ts";
import { defineScorer, type Scorer } from "../plugin.ts";

/** Scores the free share of the KV cache. An endpoint without metrics scores 0. */
export const kvCacheScorer: Scorer = defineScorer({
  name: "kv-cache",
  rate: (_request, endpoint) => 1 - kvCacheUsage(endpoint),
});
