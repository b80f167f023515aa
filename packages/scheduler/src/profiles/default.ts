import { freshMetricsFilter } from "../filters/fresh-metrics.ts";
import { maxScorePicker } from "../pickers/max-score.ts";
import { createProfile, type Profile } from "../profile.ts";
import { expectedWorkScorer } from "../scorers/expected-work.ts";
import { withServingFilters } from "./serving.ts";

/**
 * The profile of a pool without a configuration: no engines that are asleep, no ejected endpoints, none without fresh
 * metrics while others have as little load, then the least work to do before the request's first token; ties at random.
 */
export function defaultProfile(): Profile {
  return createProfile({
    name: "default",
    filters: withServingFilters([freshMetricsFilter]),
    scorers: [{ scorer: expectedWorkScorer(), weight: 1 }],
    picker: maxScorePicker,
  });
}
