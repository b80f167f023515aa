import { maxScorePicker } from "../pickers/max-score.ts";
import { createProfile, type Profile } from "../profile.ts";
import { kvCacheScorer } from "../scorers/kv-cache.ts";
import { prefixCacheScorer } from "../scorers/prefix-cache.ts";
import { queueScorer } from "../scorers/queue.ts";
import { withServingFilters } from "./serving.ts";

/**
 * Creates the default profile of the reference endpoint picker (llm-d-router): weights queue 2, KV cache 2, prefix 3.
 * Unlike the reference, it puts endpoints that are not ready or that fail last.
 */
export function referenceProfile(): Profile {
  return createProfile({
    name: "reference",
    filters: withServingFilters([]),
    scorers: [
      { scorer: queueScorer, weight: 2 },
      { scorer: kvCacheScorer, weight: 2 },
      { scorer: prefixCacheScorer(), weight: 3 },
    ],
    picker: maxScorePicker,
  });
}
