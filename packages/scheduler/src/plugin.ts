import type { Endpoint } from "./model/endpoint.ts";
import type { InferenceRequest } from "./model/request.ts";

/**
 * Narrows the endpoints. Returns a subset in the same order, the very array where nothing is dropped, and never
 * an empty one of a filled one: a filter states a preference, and refusing is not its business.
 */
export type Filter = (
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
) => readonly Endpoint[];

/** Rates every endpoint from 0 (avoid) to 1 (prefer). Scores line up with `endpoints` by index. */
export type Scorer = (
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
) => readonly number[];

/** Chooses one of the candidates, of which there is at least one. */
export type Picker = (candidates: readonly [Candidate, ...Candidate[]]) => Candidate;

export interface Candidate {
  readonly endpoint: Endpoint;
  /** Weighted sum of the scores; 0 where a profile has no scorer. */
  readonly score: number;
}

/** A scorer and its factor in a profile. */
export interface WeightedScorer {
  readonly scorer: Scorer;
  readonly weight: number;
}
