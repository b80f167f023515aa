import type { Endpoint } from "./model/endpoint.ts";
import type { InferenceRequest } from "./model/request.ts";
import type { SchedulingErrorCode } from "./scheduling-error-code.ts";

/** What plugins may ask during one pick. Valid until the plugin returns; not to be kept. */
export interface PickContext {
  /** Of the pool's clock. */
  readonly nowMs: number;
  /** Tokens of the request's prompt, estimated where the request does not say. */
  readonly promptTokens: number;
  /** Output tokens to be expected. */
  readonly outputTokens: number;
  /** Uniform in [0, 1). */
  random(): number;
  /**
   * Tokens at the prompt's beginning that the endpoint has probably in its KV cache: 0 to `promptTokens`, less by the
   * endpoint's share of errors. The first call of a pick hashes the prompt.
   */
  cachedTokens(endpoint: Endpoint): number;
}

/** Narrows the endpoints. */
export interface Filter {
  /** Shows in explanations and metrics. */
  readonly name: string;
  /**
   * Set: where nothing is left, the request is refused with this code. Absent: the filter states a preference, and
   * where nothing is left the profile goes on with what was there.
   */
  readonly refusal?: SchedulingErrorCode;
  /** Returns a subset in the same order; best the very array where nothing is dropped, which spares a copy. */
  narrow(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    context: PickContext,
  ): readonly Endpoint[];
  /** Told of every pick of its profile. */
  onPicked?(request: InferenceRequest, endpoint: Endpoint, context: PickContext): void;
}

/** Rates endpoints from 0 (avoid) to 1 (prefer). */
export interface Scorer {
  /** Shows in explanations and metrics. */
  readonly name: string;
  /** Writes the score of `endpoints[i]` to `scores[i]`, for each of them. `scores` may be longer. */
  score(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    scores: Float64Array,
    context: PickContext,
  ): void;
  /** Told of every pick of its profile. */
  onPicked?(request: InferenceRequest, endpoint: Endpoint, context: PickContext): void;
}

/** Chooses by the weighted sums of the scores, all 0 where a profile has no scorer. */
export interface Picker {
  /** Shows in explanations. */
  readonly name: string;
  /** Returns the index of one of `scores[0]` to `scores[count - 1]`; `count` is at least 1. */
  pick(scores: Float64Array, count: number, random: () => number): number;
}

/** A scorer and its factor in a profile. */
export interface WeightedScorer {
  readonly scorer: Scorer;
  readonly weight: number;
}

/** A filter that keeps the endpoints of which `keep` says yes. */
export function defineFilter(filter: {
  readonly name: string;
  /** As `Filter.refusal`. */
  readonly refusal?: SchedulingErrorCode;
  readonly keep: (request: InferenceRequest, endpoint: Endpoint, context: PickContext) => boolean;
}): Filter {
  const { keep, ...rest } = filter;
  return {
    ...rest,
    narrow(request, endpoints, context) {
      let kept: Endpoint[] | undefined;
      for (let i = 0; i < endpoints.length; i++) {
        const endpoint = endpoints[i] as Endpoint;
        if (keep(request, endpoint, context)) kept?.push(endpoint);
        else kept ??= endpoints.slice(0, i);
      }
      return kept ?? endpoints;
    },
  };
}

/** A scorer that rates each endpoint by itself, 0 to 1. */
export function defineScorer(scorer: {
  readonly name: string;
  readonly rate: (request: InferenceRequest, endpoint: Endpoint, context: PickContext) => number;
}): Scorer {
  const { name, rate } = scorer;
  return {
    name,
    score(request, endpoints, scores, context) {
      for (let i = 0; i < endpoints.length; i++) {
        scores[i] = rate(request, endpoints[i] as Endpoint, context);
      }
    },
  };
}
