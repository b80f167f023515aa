import type { Endpoint } from "./model/endpoint.ts";
import type { InferenceRequest } from "./model/request.ts";
import type { SchedulingErrorCode } from "./scheduling-error-code.ts";

/** Facts about one pick for its plugins. Valid until the plugin returns; plugins must not keep it. */
export interface PickContext {
  /** Time of the pick, in ms of the pool's clock. */
  readonly nowMs: number;
  /** Tokens of the request's prompt; estimated if the request does not give them. */
  readonly promptTokens: number;
  /** Expected output tokens. */
  readonly outputTokens: number;
  /** Uniform in [0, 1). */
  random(): number;
  /**
   * Tokens at the start of the prompt that are probably in the endpoint's KV cache: 0 to `promptTokens`, reduced by the
   * endpoint's error share. The first call of a pick hashes the prompt.
   */
  cachedTokens(endpoint: Endpoint): number;
}

/** Narrows the endpoints. */
export interface Filter {
  /** Appears in explanations and metrics. */
  readonly name: string;
  /**
   * If set, a request for which the filter leaves no endpoint is refused with this code. If absent, the filter is a
   * preference: a result without endpoints is ignored.
   */
  readonly refusal?: SchedulingErrorCode;
  /** Returns a subset in the same order. Return `endpoints` itself if nothing is dropped, which avoids a copy. */
  narrow(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    context: PickContext,
  ): readonly Endpoint[];
  /** Called after every pick of the plugin's profile. */
  onPicked?(request: InferenceRequest, endpoint: Endpoint, context: PickContext): void;
}

/** Rates endpoints from 0 (avoid) to 1 (prefer). */
export interface Scorer {
  /** Appears in explanations and metrics. */
  readonly name: string;
  /** Writes the score of each `endpoints[i]` to `scores[i]`. `scores` may be longer than `endpoints`. */
  score(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    scores: Float64Array,
    context: PickContext,
  ): void;
  /** Called after every pick of the plugin's profile. */
  onPicked?(request: InferenceRequest, endpoint: Endpoint, context: PickContext): void;
}

/** Chooses an endpoint from the weighted sums of the scores, which are all 0 if the profile has no scorer. */
export interface Picker {
  /** Appears in explanations. */
  readonly name: string;
  /** Returns the index of one of `scores[0]` to `scores[count - 1]`; `count` is at least 1. */
  pick(scores: Float64Array, count: number, random: () => number): number;
}

/** A scorer and its weight in a profile. */
export interface WeightedScorer {
  readonly scorer: Scorer;
  readonly weight: number;
}

/** Creates a filter that keeps the endpoints for which `keep` returns true. */
export function defineFilter(filter: {
  readonly name: string;
  /** As in `Filter`. */
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

/** Creates a scorer that rates each endpoint on its own, 0 to 1. */
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
