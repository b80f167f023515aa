import type { Endpoint } from "../model/endpoint.ts";
import { assumedRequests, requestsAt } from "../model/load.ts";
import type { Filter } from "../plugin.ts";

/**
 * Drops endpoints whose metrics are stale or missing, except those that have less load, by this process's requests in
 * flight, than each of the fresh ones: an endpoint that can't be scraped must not starve while the others are loaded.
 *
 * Where none is fresh it keeps all: a scraper outage must not become a serving outage.
 */
export const freshMetricsFilter: Filter = {
  name: "fresh-metrics",
  narrow(_request, endpoints) {
    let fresh = 0;
    for (const { metrics } of endpoints) if (metrics.kind === "fresh") fresh++;
    if (fresh === endpoints.length || fresh === 0) return endpoints;
    const least = leastRequests(endpoints) - assumedRequests(endpoints);
    return endpoints.filter(
      ({ metrics, inFlight }) => metrics.kind === "fresh" || inFlight < least,
    );
  },
};

/** Of the endpoints with fresh metrics, of which there is one. */
function leastRequests(endpoints: readonly Endpoint[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const endpoint of endpoints) {
    least = Math.min(least, requestsAt(endpoint) ?? Number.POSITIVE_INFINITY);
  }
  return least;
}
