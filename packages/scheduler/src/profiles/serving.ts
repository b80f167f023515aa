import { circuitBrokenFilter } from "../filters/circuit-broken.ts";
import { engineReadyFilter } from "../filters/engine-ready.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { Filter, PickContext } from "../plugin.ts";

/** Preferences of every profile: an engine that sleeps and an endpoint that fails look idle to all others. */
const servingFilters: readonly Filter[] = [engineReadyFilter, circuitBrokenFilter];

/**
 * A profile's own filters with `servingFilters` before them. Filters that say which endpoints a request may go to at
 * all come first: a preference must not leave them only endpoints that they refuse.
 */
export function withServingFilters(filters: readonly Filter[]): readonly Filter[] {
  const says = ({ refusal }: Filter) => refusal === "NO_ELIGIBLE_ENDPOINT";
  const others = filters.filter((filter) => !says(filter));
  return [...new Set([...filters.filter(says), ...servingFilters, ...others])];
}

/** The endpoints that `servingFilters` leave. */
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
