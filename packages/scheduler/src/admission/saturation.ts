import type { Endpoint } from "../model/endpoint.ts";

/** How full some endpoints are: 0 idle, 1 and more full. Of no endpoint at all it says 1. */
export type SaturationDetector = (endpoints: readonly Endpoint[]) => number;

export interface UtilizationOptions {
  /** Requests waiting that make an endpoint full; 5 when absent. */
  readonly waitingRequests?: number;
  /** Share of the KV cache in use that makes an endpoint full, 0 to 1; 0.8 when absent. */
  readonly kvCacheUsage?: number;
  /**
   * True: requests sent since the scrape count as waiting. For a pool behind a queue, which would else send all that
   * waits at one good scrape.
   */
  readonly withSent?: boolean;
}

/**
 * The mean over endpoints of what is nearer to its limit, waiting requests or KV cache; one without fresh metrics
 * counts as full. Formula and limits of the reference endpoint picker's `utilization-detector`.
 */
export function utilizationDetector(options: UtilizationOptions = {}): SaturationDetector {
  const { waitingRequests = 5, kvCacheUsage = 0.8, withSent = false } = options;
  return (endpoints) =>
    mean(endpoints, ({ metrics, sentSinceScrape }) => {
      if (metrics.kind !== "fresh") return 1;
      const known = metrics.metrics;
      return Math.max(
        (known.waitingRequests + (withSent ? sentSinceScrape : 0)) / waitingRequests,
        (known.kvCacheUsage ?? 0) / kvCacheUsage,
      );
    });
}

export interface ConcurrencyOptions {
  /** Requests of this process in flight that make an endpoint full; 100 when absent. */
  readonly requests?: number;
  /** Their tokens, prompt and output, that make an endpoint full; 1,000,000 when absent. */
  readonly tokens?: number;
}

/** As the reference endpoint picker's `concurrency-detector`: needs no metrics, knows only this process's requests. */
export function concurrencyDetector(options: ConcurrencyOptions = {}): SaturationDetector {
  const { requests = 100, tokens = 1_000_000 } = options;
  return (endpoints) =>
    mean(endpoints, ({ inFlight, pendingPromptTokens, pendingOutputTokens }) =>
      Math.max(inFlight / requests, (pendingPromptTokens + pendingOutputTokens) / tokens),
    );
}

function mean(endpoints: readonly Endpoint[], fullness: (endpoint: Endpoint) => number): number {
  if (endpoints.length === 0) return 1;
  let total = 0;
  for (const endpoint of endpoints) total += fullness(endpoint);
  return total / endpoints.length;
}
