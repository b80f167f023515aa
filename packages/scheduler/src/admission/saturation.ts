import type { Endpoint } from "../model/endpoint.ts";
import { fullnessByInFlight, loadMetrics } from "../model/load.ts";

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
 * The mean over endpoints of what is nearer to its limit, waiting requests or KV cache: formula and limits of the
 * reference endpoint picker's `utilization-detector`. One without fresh load metrics counts by this process's requests
 * in flight against its seats, 100 where nobody knows: not knowing is no reason to refuse. Engines that are asleep,
 * loading or draining count only where all are.
 */
export function utilizationDetector(options: UtilizationOptions = {}): SaturationDetector {
  const { waitingRequests = 5, kvCacheUsage = 0.8, withSent = false } = options;
  function fullness(endpoint: Endpoint): number {
    const known = loadMetrics(endpoint);
    if (known === undefined) return fullnessByInFlight(endpoint);
    return Math.max(
      (known.waitingRequests + (withSent ? endpoint.sentSinceScrape : 0)) / waitingRequests,
      (known.kvCacheUsage ?? 0) / kvCacheUsage,
    );
  }
  return (endpoints) => meanOfReady(endpoints, fullness);
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
    meanOfReady(endpoints, ({ inFlight, pendingPromptTokens, pendingOutputTokens }) =>
      Math.max(inFlight / requests, (pendingPromptTokens + pendingOutputTokens) / tokens),
    );
}

/** Endpoints that are not ready count only where all are so. */
function meanOfReady(
  endpoints: readonly Endpoint[],
  fullness: (endpoint: Endpoint) => number,
): number {
  let ready = 0;
  let readyTotal = 0;
  let total = 0;
  for (const endpoint of endpoints) {
    const share = fullness(endpoint);
    total += share;
    if (!endpoint.isReady) continue;
    ready++;
    readyTotal += share;
  }
  if (endpoints.length === 0) return 1;
  return ready === 0 ? total / endpoints.length : readyTotal / ready;
}
