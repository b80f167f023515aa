import { kvCacheUsage } from "../model/load.ts";
import { defineScorer, type Scorer } from "../plugin.ts";

/** Scores the free share of the KV cache. An endpoint without fresh metrics scores 0.5. */
export const kvCacheScorer: Scorer = defineScorer({
  name: "kv-cache",
  rate: (_request, endpoint) => 1 - kvCacheUsage(endpoint),
});
