import { circuitBrokenFilter } from "../filters/circuit-broken.ts";
import { engineReadyFilter } from "../filters/engine-ready.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { Filter, PickContext } from "../plugin.ts";

/** Filters of every profile, because sleeping engines and failing endpoints seem idle to all other plugins. */
const servingFilters: readonly Filter[] = [engineReadyFilter, circuitBrokenFilter];

/**
 * Puts `servingFilters` before a profile's own filters. Filters that restrict which endpoints a request may go to come
 * first, so that a preference can't leave only endpoints that they refuse.
 */
export function withServingFilters(filters: readonly Filter[]): readonly Filter[] {
  const restricts = ({ refusal }: Filter) => refusal === "NO_ELIGIBLE_ENDPOINT";
  const others = filters.filter((filter) => !restricts(filter));
  return [...new Set([...filters.filter(restricts), ...servingFilters, ...others])];
}

/** Returns the endpoints that `servingFilters` keep. */
export function servingAmong(
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
  context: PickContext,
): readonly Endpoint[] {
  let left = endpoints;
  for (const filter of servingFilters) {
    const kept = filter.narrow(request, left, context);
    if (kept.length > 0) left = kept;
  }
  return left;
}
