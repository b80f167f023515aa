import type { Endpoint } from "../model/endpoint.ts";
import { assumedRequests, requestsAt } from "../model/load.ts";
import type { Filter } from "../plugin.ts";

/**
 * Drops endpoints with stale or missing metrics, unless this process's requests in flight there show less load than
 * every endpoint with fresh metrics has: an endpoint that can't be scraped must not stay idle while the others are
 * loaded.
 *
 * Keeps all endpoints if none has fresh metrics: a scraper outage must not become a serving outage.
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

/** Fewest requests among the endpoints with fresh metrics. Needs at least one such endpoint. */
function leastRequests(endpoints: readonly Endpoint[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const endpoint of endpoints) {
    least = Math.min(least, requestsAt(endpoint) ?? Number.POSITIVE_INFINITY);
  }
  return least;
}
