import {
  adapterSlots,
  type Endpoint,
  hasAdapterRoom,
  holdsAdapter,
  knownMetrics,
  kvCacheUsage,
} from "../model/endpoint.ts";
import type { Scorer } from "../plugin.ts";
import { errorCost } from "./error-cost.ts";
import { lessIsBetter } from "./spread.ts";

export interface ExpectedWorkOptions {
  /** What a request in the batch costs the others, in prompt tokens; 200 when absent. */
  readonly tokensPerRequest?: number;
  /** What loading an adapter costs, in prompt tokens; 6,000 when absent: 0.75 s at 8,000 tokens a second. */
  readonly tokensPerAdapterLoad?: number;
  /** What a full KV cache costs, in prompt tokens; less full ones in proportion. 500 when absent. */
  readonly tokensPerFullCache?: number;
}

/** An adapter that is thrown out will have to be loaded again, here or elsewhere. */
const throwOut = 1.5;
/** While requests use every adapter slot, a further adapter waits for one of them to fall idle. */
const waitForSlot = 6;

/** Endpoints without metrics come after all others; among themselves the work known of them counts. */
const unknownWork = 1e9;

/**
 * Prefers the endpoint that has the least to do before the request's first token, in prompt tokens: prompts sent and
 * not yet computed, this prompt as far as it is not cached, what the running batch slows it down by, and an adapter
 * to be loaded. One scale for all, so that no weights have to be balanced.
 */
export function expectedWorkScorer(options: ExpectedWorkOptions = {}): Scorer {
  const {
    tokensPerRequest = 200,
    tokensPerAdapterLoad = 6_000,
    tokensPerFullCache = 500,
  } = options;

  function loadCost(endpoint: Endpoint, adapter: string | undefined): number {
    if (adapter === undefined || holdsAdapter(endpoint, adapter)) return 0;
    if (hasAdapterRoom(endpoint)) return tokensPerAdapterLoad;
    return tokensPerAdapterLoad * (hasIdleAdapter(endpoint) ? throwOut : waitForSlot);
  }

  return lessIsBetter(
    "expected-work",
    (endpoint, { adapter }, context) =>
      (endpoint.metrics.kind === "missing" ? unknownWork : 0) +
      endpoint.pendingPromptTokens +
      context.promptTokens -
      context.cachedTokens(endpoint) +
      tokensPerRequest * batchOf(endpoint) +
      tokensPerFullCache * kvCacheUsage(endpoint) +
      loadCost(endpoint, adapter) +
      errorCost(endpoint),
  );
}

/** True when an adapter is loaded that no request uses: a new one can take its place at once. */
function hasIdleAdapter(endpoint: Endpoint): boolean {
  const metrics = knownMetrics(endpoint);
  return metrics !== undefined && metrics.activeAdapters.size < adapterSlots(endpoint);
}

/** Requests that the server and this process know of, each of which may know of some that the other does not. */
function batchOf(endpoint: Endpoint): number {
  const metrics = knownMetrics(endpoint);
  if (metrics === undefined) return endpoint.inFlight;
  const scraped = metrics.waitingRequests + metrics.runningRequests + endpoint.sentSinceScrape;
  return Math.max(scraped, endpoint.inFlight);
}
