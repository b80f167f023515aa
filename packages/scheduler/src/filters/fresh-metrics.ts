import type { Filter } from "../plugin.ts";

/**
 * Drops endpoints whose metrics are stale or missing.
 *
 * Where none is fresh it keeps the stale ones, and where none was ever scraped all: a scraper outage must not
 * become a serving outage.
 */
export const freshMetricsFilter: Filter = {
  name: "fresh-metrics",
  narrow(_request, endpoints) {
    let fresh = 0;
    let stale = 0;
    for (const { metrics } of endpoints) {
      if (metrics.kind === "fresh") fresh++;
      else if (metrics.kind === "stale") stale++;
    }
    if (fresh === endpoints.length || (fresh === 0 && stale === 0)) return endpoints;
    const kept = fresh > 0 ? "fresh" : "stale";
    return endpoints.filter(({ metrics }) => metrics.kind === kept);
  },
};
