import type { EndpointScore, FilterStep, ScorerStep } from "./explanation.ts";
import type { Endpoint } from "./model/endpoint.ts";
import type { InferenceRequest } from "./model/request.ts";
import type { Filter, PickContext, Picker, WeightedScorer } from "./plugin.ts";

export interface ProfileOptions {
  /** Appears in explanations. */
  readonly name: string;
  /** Run in order; each filter gets the endpoints that the one before left. */
  readonly filters?: readonly Filter[];
  readonly scorers?: readonly WeightedScorer[];
  readonly picker: Picker;
}

/** Chooses among the endpoints of one pool. Do not share a profile between pools: its plugins may keep state. */
export interface Profile {
  readonly name: string;
  readonly picker: string;
  /** Chooses an endpoint. `endpoints` is never empty. */
  choose(
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    context: PickContext,
    trace?: Trace,
    onStep?: OnStep,
  ): Endpoint | RefusedBy;
  /** True if no refusing filter drops the endpoint, so that it may be a fallback. */
  permits(request: InferenceRequest, endpoint: Endpoint, context: PickContext): boolean;
  /** Notifies the plugins of a pick. */
  recordPick(request: InferenceRequest, endpoint: Endpoint, context: PickContext): void;
}

/** The filter that refused the request because it left no endpoint. */
export interface RefusedBy {
  readonly refusedBy: Filter;
}

/** Records how a choice was made. */
export interface Trace {
  readonly filters: FilterStep[];
  readonly scorers: ScorerStep[];
  readonly totals: EndpointScore[];
}

/** Called after each plugin of a choice, to measure them individually. */
export type OnStep = (point: PluginPoint, name: string) => void;

export type PluginPoint = "filter" | "scorer" | "picker";

/**
 * Composes a profile: filters narrow, scorers rate, the picker decides.
 *
 * @throws RangeError if a weight is negative or not a finite number
 */
export function createProfile(options: ProfileOptions): Profile {
  const { name, filters = [], scorers = [], picker } = options;
  for (const { scorer, weight } of scorers) {
    if (weight >= 0 && weight < Number.POSITIVE_INFINITY) continue;
    throw new RangeError(
      `the weight of ${scorer.name} in the profile ${name} is ${weight}: give it a number of at least 0`,
    );
  }
  const refusing = filters.filter(({ refusal }) => refusal !== undefined);
  const refusals = new Map(filters.map((filter) => [filter, { refusedBy: filter }]));
  const listeners = [...filters, ...scorers.map(({ scorer }) => scorer)].filter(
    ({ onPicked }) => onPicked !== undefined,
  );
  // Reused by all picks: a pick is synchronous.
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
        // With one endpoint left, a preference has no effect; a refusing filter still applies.
        const isNeedless = left.length === 1 && filter.refusal === undefined;
        const kept = isNeedless ? left : filter.narrow(request, left, context);
        onStep?.("filter", filter.name);
        if (kept.length === 0 && filter.refusal !== undefined) {
          trace?.filters.push({ name: filter.name, survivors: [], isSkipped: false });
          return refusals.get(filter) as RefusedBy;
        }
        const isSkipped = isNeedless || kept.length === 0;
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
      if (refusing.length === 0) return true;
      const alone = [endpoint];
      return refusing.every((filter) => filter.narrow(request, alone, context).length > 0);
    },
    recordPick(request, endpoint, context) {
      for (const plugin of listeners) plugin.onPicked?.(request, endpoint, context);
    },
  };
}

/** A scorer that returns values outside of 0 to 1 must not outweigh the others. */
function clamp(score: number): number {
  return score > 0 ? Math.min(score, 1) : 0;
}

function addressOf({ address }: Endpoint): string {
  return address;
}

function byEndpoint(endpoints: readonly Endpoint[], scores: Float64Array): EndpointScore[] {
  return endpoints.map(({ address }, i) => ({ endpoint: address, score: scores[i] as number }));
}
