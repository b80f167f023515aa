import type { Endpoint } from "../model/endpoint.ts";
import { fullnessByInFlight, loadMetrics } from "../model/load.ts";

/** Returns the saturation of some endpoints: 0 is idle, 1 and above is saturated. Returns 1 for no endpoints. */
export type SaturationDetector = (endpoints: readonly Endpoint[]) => number;

export interface UtilizationOptions {
  /** Waiting requests that saturate an endpoint; 5 when absent. */
  readonly waitingRequests?: number;
  /** KV-cache usage that saturates an endpoint, 0 to 1; 0.8 when absent. */
  readonly kvCacheUsage?: number;
  /**
   * Whether requests sent since the scrape count as waiting. Needed for a pool with a queue, which would otherwise send
   * all its requests after one good scrape.
   */
  readonly withSent?: boolean;
}

/**
 * Creates a detector that takes, for each endpoint, waiting requests or KV-cache usage, whichever is closer to its
 * limit, and returns the mean. Formula and limits are those of the reference endpoint picker's `utilization-detector`.
 * An endpoint without fresh load metrics counts by this process's requests in flight relative to its seats (100 if
 * unknown), because unknown load is no reason to refuse. Engines that are asleep, loading or draining count only if all
 * of them are.
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
  /** This process's requests in flight that saturate an endpoint; 100 when absent. */
  readonly requests?: number;
  /** Prompt and output tokens of those requests that saturate an endpoint; 1,000,000 when absent. */
  readonly tokens?: number;
}

/**
 * Creates a detector like the reference endpoint picker's `concurrency-detector`: it needs no metrics and counts only
 * this process's requests.
 */
export function concurrencyDetector(options: ConcurrencyOptions = {}): SaturationDetector {
  const { requests = 100, tokens = 1_000_000 } = options;
  return (endpoints) =>
    meanOfReady(endpoints, ({ inFlight, pendingPromptTokens, pendingOutputTokens }) =>
      Math.max(inFlight / requests, (pendingPromptTokens + pendingOutputTokens) / tokens),
    );
}

/** Mean over the ready endpoints; over all if none is ready. */
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
