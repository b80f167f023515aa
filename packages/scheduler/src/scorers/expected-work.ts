import {
  adapterSlots,
  type Endpoint,
  hasAdapterRoom,
  holdsAdapter,
  knownMetrics,
} from "../model/endpoint.ts";
import { assumedRequests, kvCacheUsage, requestsAt } from "../model/load.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { PickContext, Scorer } from "../plugin.ts";
import { spreadOut } from "./spread.ts";

export interface ExpectedWorkOptions {
  /** Cost of each request in the batch to the others, in prompt tokens; 200 when absent. */
  readonly tokensPerRequest?: number;
  /** Cost of loading an adapter, in prompt tokens; 6,000 when absent (0.75 s at 8,000 tokens/s). */
  readonly tokensPerAdapterLoad?: number;
  /** Cost of a full KV cache, in prompt tokens; proportional to its usage. 500 when absent. */
  readonly tokensPerFullCache?: number;
  /**
   * Cost of one output token, in prompt tokens: the time a request holds its seat in the batch. 160 when absent (20 ms
   * at 8,000 tokens/s).
   */
  readonly tokensPerOutputToken?: number;
}

/** Factor for loading an adapter that evicts an idle one, which will have to be loaded again later. */
const evictionFactor = 1.5;
/** Factor for loading an adapter while all slots are in use: it waits until one is idle. */
const slotWaitFactor = 6;

/**
 * Prefers the endpoint with the least work before the request's first token. Work is measured in prompt tokens: pending
 * prompts, the uncached part of this prompt, the slowdown by the running batch, loading an adapter, and waiting for a
 * seat in a full batch. All use one scale, so there are no weights to balance.
 *
 * Without fresh metrics, an endpoint's load is assumed to be half the average of the endpoints with fresh metrics, so
 * it ranks below an idle endpoint and above a loaded one.
 */
export function expectedWorkScorer(options: ExpectedWorkOptions = {}): Scorer {
  const work = workAt(options);
  return {
    name: "expected-work",
    score(request, endpoints, scores, context) {
      let isComplete = true;
      for (let i = 0; i < endpoints.length; i++) {
        const endpoint = endpoints[i] as Endpoint;
        const requests = requestsAt(endpoint);
        if (requests === undefined) isComplete = false;
        else scores[i] = work(endpoint, requests, request, context);
      }
      if (!isComplete) {
        const assumed = assumedRequests(endpoints);
        for (let i = 0; i < endpoints.length; i++) {
          const endpoint = endpoints[i] as Endpoint;
          if (endpoint.metrics.kind === "fresh") continue;
          scores[i] = work(endpoint, endpoint.inFlight + assumed, request, context);
        }
      }
      spreadOut(scores, endpoints.length);
    },
  };
}

type WorkAt = (
  endpoint: Endpoint,
  /** Requests waiting or running at the endpoint. */
  requests: number,
  request: InferenceRequest,
  context: PickContext,
) => number;

/** Creates a function that estimates the work at an endpoint, in prompt tokens. */
function workAt(options: ExpectedWorkOptions): WorkAt {
  const {
    tokensPerRequest = 200,
    tokensPerAdapterLoad = 6_000,
    tokensPerFullCache = 500,
    tokensPerOutputToken = 160,
  } = options;

  function loadCost(endpoint: Endpoint, adapter: string): number {
    if (holdsAdapter(endpoint, adapter)) {
      // An endpoint that answers with errors probably does not serve the adapter.
      const lost = tokensPerAdapterLoad * slotWaitFactor * endpoint.errorShare;
      return lost + (hasFullBatch(endpoint) ? tokensPerAdapterLoad : 0);
    }
    if (hasAdapterRoom(endpoint)) return tokensPerAdapterLoad;
    return tokensPerAdapterLoad * (hasIdleAdapter(endpoint) ? evictionFactor : slotWaitFactor);
  }

  /** In a full batch, a seat becomes free each time a request ends, and each waiting request takes one. */
  function seatCost(seats: number, requests: number, outputTokens: number): number {
    return ((requests + 1 - seats) * tokensPerOutputToken * outputTokens) / seats;
  }

  return (endpoint, requests, { adapter }, context) => {
    const { pendingPromptTokens, errorShare, seats } = endpoint;
    const { promptTokens } = context;
    let tokens =
      pendingPromptTokens +
      promptTokens +
      tokensPerRequest * requests +
      tokensPerFullCache * kvCacheUsage(endpoint);
    // These checks skip the cost for common requests.
    if (promptTokens > 0) tokens -= context.cachedTokens(endpoint);
    if (adapter !== undefined) tokens += loadCost(endpoint, adapter);
    if (errorShare > 0) tokens += errorCost(endpoint, promptTokens);
    if (seats !== undefined && requests >= seats) {
      tokens += seatCost(seats, requests, context.outputTokens);
    }
    return tokens;
  };
}

/** True if a loaded adapter is idle, so that a new one can replace it immediately. */
function hasIdleAdapter(endpoint: Endpoint): boolean {
  const metrics = knownMetrics(endpoint);
  return metrics === undefined || metrics.activeAdapters.size < adapterSlots(endpoint);
}

/** Waiting requests that prove a full batch; a single one may just have arrived. */
const severalWaiting = 2;

/** True if requests wait: loading the adapter elsewhere then takes no longer than waiting for a seat here. */
function hasFullBatch({ metrics }: Endpoint): boolean {
  if (metrics.kind !== "fresh") return false;
  const { waitingRequests, runningRequests } = metrics.metrics;
  return waitingRequests >= severalWaiting && runningRequests > 0;
}

/**
 * Cost of an endpoint that answers only with errors, in prompt tokens. Multiplied by the squared error share, so that
 * few errors cost little.
 */
const tokensPerErrors = 30_000;
/** Additional cost per prompt token. With 2, an error share of one half outweighs a fully cached prompt. */
const promptWeight = 2;

/**
 * Cost of an endpoint's errors, in prompt tokens. An endpoint that refuses requests immediately always seems idle;
 * without this cost it would attract the requests of the whole pool.
 */
function errorCost({ errorShare }: Endpoint, promptTokens: number): number {
  return (tokensPerErrors + promptWeight * promptTokens) * errorShare * errorShare;
}
