import { circuitBrokenFilter } from "../filters/circuit-broken.ts";
import { freshMetricsFilter } from "../filters/fresh-metrics.ts";
import { maxScorePicker } from "../pickers/max-score.ts";
import { createProfile, type Profile } from "../profile.ts";
import { expectedWorkScorer } from "../scorers/expected-work.ts";

/**
 * The profile of a pool that is told nothing else: no ejected endpoints, fresh metrics before stale ones, then the
 * least work to do before the request's first token; ties at random.
 */
export function defaultProfile(): Profile {
  return createProfile({
    name: "default",
    filters: [circuitBrokenFilter, freshMetricsFilter],
    scorers: [{ scorer: expectedWorkScorer(), weight: 1 }],
    picker: maxScorePicker,
  });
}
