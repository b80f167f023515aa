import { freshMetricsFilter } from "../filters/fresh-metrics.ts";
import { maxScorePicker } from "../pickers/max-score.ts";
import { createProfile, type Profile } from "../profile.ts";
import { expectedWorkScorer } from "../scorers/expected-work.ts";
import { withServingFilters } from "./serving.ts";

/**
 * Creates the profile of a pool without a configuration. It drops engines that are not ready, ejected endpoints, and
 * endpoints without fresh metrics unless they have the least load. Of the others it picks the one with the least work
 * before the request's first token, breaking ties at random.
 */
export function defaultProfile(): Profile {
  return createProfile({
    name: "default",
    filters: withServingFilters([freshMetricsFilter]),
    scorers: [{ scorer: expectedWorkScorer(), weight: 1 }],
    picker: maxScorePicker,
  });
}
