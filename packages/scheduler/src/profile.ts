import type { Endpoint } from "./model/endpoint.ts";
import type { InferenceRequest } from "./model/request.ts";
import type { Candidate, Filter, Picker, WeightedScorer } from "./plugin.ts";

export interface ProfileOptions {
  /** In order; each sees what the one before has left. */
  readonly filters: readonly Filter[];
  readonly scorers?: readonly WeightedScorer[];
  readonly picker: Picker;
}

/** Chooses among a pool's endpoints; undefined when there is none. */
export type Profile = (
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
) => Endpoint | undefined;

/** Composes a profile: filters narrow, scorers rate, the picker decides. */
export function createProfile({ filters, scorers = [], picker }: ProfileOptions): Profile {
  return (request, endpoints) => {
    let left = endpoints;
    for (const filter of filters) {
      if (left.length <= 1) break;
      left = filter(request, left);
    }
    if (left.length <= 1) return left[0];
    const candidates = scorers.length === 0 ? unscored(left) : scored(request, left, scorers);
    return isFilled(candidates) ? picker(candidates).endpoint : undefined;
  };
}

function unscored(endpoints: readonly Endpoint[]): readonly Candidate[] {
  return endpoints.map((endpoint) => ({ endpoint, score: 0 }));
}

function scored(
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
  scorers: readonly WeightedScorer[],
): readonly Candidate[] {
  const totals = new Float64Array(endpoints.length);
  for (const { scorer, weight } of scorers) {
    const scores = scorer(request, endpoints);
    for (let i = 0; i < totals.length; i++)
      totals[i] = (totals[i] ?? 0) + weight * clamp(scores[i]);
  }
  return endpoints.map((endpoint, i) => ({ endpoint, score: totals[i] ?? 0 }));
}

function isFilled(
  candidates: readonly Candidate[],
): candidates is readonly [Candidate, ...Candidate[]] {
  return candidates.length > 0;
}

/** A scorer that breaks its promise must not outweigh the others. */
function clamp(score: number | undefined): number {
  if (score === undefined || !(score > 0)) return 0;
  return Math.min(score, 1);
}
