import { maxScorePicker } from "../pickers/max-score.ts";
import { createProfile, type Profile } from "../profile.ts";
import { kvCacheScorer } from "../scorers/kv-cache.ts";
import { prefixCacheScorer } from "../scorers/prefix-cache.ts";
import { queueScorer } from "../scorers/queue.ts";
import { withServingFilters } from "./serving.ts";

/**
 * What the reference endpoint picker (llm-d-router) does without a configuration: queue 2, KV cache 2, prefix 3. It
 * knows no endpoints that sleep or fail; here they come last.
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
