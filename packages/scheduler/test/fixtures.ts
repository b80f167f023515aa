import type { Endpoint, ModelServerMetrics } from "@umbra/scheduler";
import fc from "fast-check";

export function metrics(overrides: Partial<ModelServerMetrics> = {}): ModelServerMetrics {
  return {
    scrapedAtMs: 0,
    waitingRequests: 0,
    runningRequests: 0,
    kvCacheUsage: 0,
    activeAdapters: new Set(),
    maxActiveAdapters: 4,
    ...overrides,
  };
}

export function endpoint(overrides: Partial<Endpoint> = {}): Endpoint {
  return {
    address: "10.0.0.1:8000",
    metrics: { kind: "fresh", metrics: metrics() },
    inFlight: 0,
    sentSinceScrape: 0,
    recentAdapters: new Set(),
    ...overrides,
  };
}

/** An endpoint with fresh metrics. */
export function fresh(address: string, overrides: Partial<ModelServerMetrics> = {}): Endpoint {
  return endpoint({ address, metrics: { kind: "fresh", metrics: metrics(overrides) } });
}

const adapters = fc.uniqueArray(fc.constantFrom("a", "b", "c"), { maxLength: 3 });

const anyMetrics = fc.record({
  waitingRequests: fc.nat({ max: 300 }),
  runningRequests: fc.nat({ max: 300 }),
  kvCacheUsage: fc.double({ min: 0, max: 1, noNaN: true }),
  active: adapters,
  maxActiveAdapters: fc.nat({ max: 4 }),
  kind: fc.constantFrom("missing" as const, "stale" as const, "fresh" as const),
  sentSinceScrape: fc.nat({ max: 20 }),
});

/** Pools of up to eight endpoints in any state. */
export const pools = fc.array(anyMetrics, { maxLength: 8 }).map((states) =>
  states.map(({ kind, active, sentSinceScrape, ...rest }, index): Endpoint => {
    const known = metrics({ ...rest, activeAdapters: new Set(active) });
    return endpoint({
      address: `10.0.0.${index + 1}:8000`,
      metrics: kind === "missing" ? { kind } : { kind, metrics: known },
      inFlight: sentSinceScrape,
      sentSinceScrape,
    });
  }),
);
