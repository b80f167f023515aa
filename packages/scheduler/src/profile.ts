import type { EndpointScore, FilterStep, ScorerStep } from "./explanation.ts";
import type { Endpoint } from "./model/endpoint.ts";
import type { InferenceRequest } from "./model/request.ts";
import type { Filter, PickContext, Picker, WeightedScorer } from "./plugin.ts";

export interface ProfileOptions {
  /** Shows in explanations. */
  readonly name: string;
  /** In order; each sees what the one before has left. */
  readonly filters?: readonly Filter[];
  readonly scorers?: readonly WeightedScorer[];
  readonly picker: Picker;
}

/** Chooses among a pool's endpoints. Of plugins that keep state it has its own, so a profile serves one pool. */
export interface Profile {
  readonly name: string;
  readonly picker: string;
  /** `endpoints` are never empty. */
  choose(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    context: PickContext,
    trace?: Trace,
    onStep?: OnStep,
  ): Endpoint | RefusedBy;
  /** True where no filter that refuses requests would leave the endpoint out: it may be named as a fallback. */
  permits(request: InferenceRequest, endpoint: Endpoint, context: PickContext): boolean;
  /** Tells the plugins of a pick. */
  picked(request: InferenceRequest, endpoint: Endpoint, context: PickContext): void;
}

/** A filter without which the request may not go on has left no endpoint. */
export interface RefusedBy {
  readonly refusedBy: Filter;
}

/** Where a choice writes down how it came about. */
export interface Trace {
  readonly filters: FilterStep[];
  readonly scorers: ScorerStep[];
  readonly totals: EndpointScore[];
}

/** Told each time that a plugin of a choice has run: for measuring them one by one. */
export type OnStep = (point: PluginPoint, name: string) => void;

export type PluginPoint = "filter" | "scorer" | "picker";

/**
 * Composes a profile: filters narrow, scorers rate, the picker decides.
 *
 * @throws RangeError for a weight that is negative or no number
 */
export function createProfile(options: ProfileOptions): Profile {
  const { name, filters = [], scorers = [], picker } = options;
  for (const { scorer, weight } of scorers) {
    if (weight >= 0 && weight < Number.POSITIVE_INFINITY) continue;
    throw new RangeError(
      `the weight of ${scorer.name} in the profile ${name} is ${weight}: give it a number of at least 0`,
    );
  }
  const demands = filters.filter(({ refusal }) => refusal !== undefined);
  const refusals = new Map(filters.map((filter) => [filter, { refusedBy: filter }]));
  const listeners = [...filters, ...scorers.map(({ scorer }) => scorer)].filter(
    ({ onPicked }) => onPicked !== undefined,
  );
  // Kept from pick to pick: a pick is synchronous, and its arrays are needed no longer than that.
  let totals = new Float64Array(16);
  let scores = new Float64Array(16);

  function rate(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    context: PickContext,
    trace: Trace | undefined,
    onStep: OnStep | undefined,
  ): void {
    const count = endpoints.length;
    if (totals.length < count) {
      totals = new Float64Array(2 * count);
      scores = new Float64Array(2 * count);
    }
    totals.fill(0, 0, count);
    for (const { scorer, weight } of scorers) {
      scores.fill(0, 0, count);
      scorer.score(request, endpoints, scores, context);
      for (let i = 0; i < count; i++) {
        const score = clamp(scores[i] as number);
        scores[i] = score;
        totals[i] = (totals[i] as number) + weight * score;
      }
      onStep?.("scorer", scorer.name);
      trace?.scorers.push({ name: scorer.name, weight, scores: byEndpoint(endpoints, scores) });
    }
    if (scorers.length > 0) trace?.totals.push(...byEndpoint(endpoints, totals));
  }

  return {
    name,
    picker: picker.name,
    choose(request, endpoints, context, trace, onStep) {
      let left = endpoints;
      for (const filter of filters) {
        // A preference among one is none; a demand is one even there.
        const needless = left.length === 1 && filter.refusal === undefined;
        const kept = needless ? left : filter.narrow(request, left, context);
        onStep?.("filter", filter.name);
        if (kept.length === 0 && filter.refusal !== undefined) {
          trace?.filters.push({ name: filter.name, survivors: [], isSkipped: false });
          return refusals.get(filter) as RefusedBy;
        }
        const isSkipped = needless || kept.length === 0;
        if (kept.length > 0) left = kept;
        trace?.filters.push({ name: filter.name, survivors: left.map(addressOf), isSkipped });
      }
      if (left.length === 1) return left[0] as Endpoint;
      rate(request, left, context, trace, onStep);
      const index = picker.pick(totals, left.length, context.random);
      onStep?.("picker", picker.name);
      return left[index] as Endpoint;
    },
    permits(request, endpoint, context) {
      if (demands.length === 0) return true;
      const alone = [endpoint];
      return demands.every((filter) => filter.narrow(request, alone, context).length > 0);
    },
    picked(request, endpoint, context) {
      for (const plugin of listeners) plugin.onPicked?.(request, endpoint, context);
    },
  };
}

/** A scorer that breaks its promise must not outweigh the others. */
function clamp(score: number): number {
  return score > 0 ? Math.min(score, 1) : 0;
}

function addressOf({ address }: Endpoint): string {
  return address;
}

function byEndpoint(endpoints: readonly Endpoint[], scores: Float64Array): EndpointScore[] {
  return endpoints.map(({ address }, i) => ({ endpoint: address, score: scores[i] as number }));
}
