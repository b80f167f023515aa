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
  /** What a request in the batch costs the others, in prompt tokens; 200 when absent. */
  readonly tokensPerRequest?: number;
  /** What loading an adapter costs, in prompt tokens; 6,000 when absent: 0.75 s at 8,000 tokens a second. */
  readonly tokensPerAdapterLoad?: number;
  /** What a full KV cache costs, in prompt tokens; less full ones in proportion. 500 when absent. */
  readonly tokensPerFullCache?: number;
  /**
   * What making one output token takes, in prompt tokens: a request holds its seat in the batch for so long. 160 when
   * absent: 20 ms at 8,000 tokens a second.
   */
  readonly tokensPerOutputToken?: number;
}

/** An adapter that is thrown out will have to be loaded again, here or elsewhere. */
const throwOut = 1.5;
/** While requests use every adapter slot, a further adapter waits for one of them to fall idle. */
const waitForSlot = 6;

/**
 * Prefers the endpoint that has the least to do before the request's first token, in prompt tokens: prompts sent and
 * not yet computed, this prompt as far as it is not cached, what the running batch slows it down by, an adapter to be
 * loaded, and in a full batch the wait for a seat. One scale for all, so that no weights have to be balanced.
 *
 * Without fresh metrics an endpoint is assumed to have half as many requests of others as the candidates with fresh
 * ones have on average: it comes after an idle endpoint and before a loaded one.
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
  /** Waiting or running there. */
  requests: number,
  request: InferenceRequest,
  context: PickContext,
) => number;

/** In prompt tokens. */
function workAt(options: ExpectedWorkOptions): WorkAt {
  const {
    tokensPerRequest = 200,
    tokensPerAdapterLoad = 6_000,
    tokensPerFullCache = 500,
    tokensPerOutputToken = 160,
  } = options;

  function loadCost(endpoint: Endpoint, adapter: string): number {
    if (holdsAdapter(endpoint, adapter)) {
      // An endpoint that answers with errors does not serve the adapter that it was sent.
      const lost = tokensPerAdapterLoad * waitForSlot * endpoint.errorShare;
      return lost + (hasFullBatch(endpoint) ? tokensPerAdapterLoad : 0);
    }
    if (hasAdapterRoom(endpoint)) return tokensPerAdapterLoad;
    return tokensPerAdapterLoad * (hasIdleAdapter(endpoint) ? throwOut : waitForSlot);
  }

  /** In a full batch a seat falls free each time that one of its requests ends; each request that waits takes one. */
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
    // Most requests to most endpoints have none of these.
    if (promptTokens > 0) tokens -= context.cachedTokens(endpoint);
    if (adapter !== undefined) tokens += loadCost(endpoint, adapter);
    if (errorShare > 0) tokens += errorCost(endpoint, promptTokens);
    if (seats !== undefined && requests >= seats) {
      tokens += seatCost(seats, requests, context.outputTokens);
    }
    return tokens;
  };
}

/** True when an adapter is loaded that no request uses: a new one can take its place at once. */
function hasIdleAdapter(endpoint: Endpoint): boolean {
  const metrics = knownMetrics(endpoint);
  return metrics === undefined || metrics.activeAdapters.size < adapterSlots(endpoint);
}

/** One request may wait because it has just come; several show a batch without a seat. */
const severalWaiting = 2;

/** True where requests wait: loading an adapter elsewhere takes no longer than waiting for one of them to end. */
function hasFullBatch({ metrics }: Endpoint): boolean {
  if (metrics.kind !== "fresh") return false;
  const { waitingRequests, runningRequests } = metrics.metrics;
  return waitingRequests >= severalWaiting && runningRequests > 0;
}

/** What an endpoint costs that answers nothing but errors, in prompt tokens; squared, so that a few cost little. */
const tokensPerErrors = 30_000;
/**
 * The cost for each token of the prompt. With 2, a share of errors of one half outweighs a prompt that is cached as a
 * whole.
 */
const promptWeight = 2;

/**
 * Work that errors stand for, in prompt tokens. An endpoint that refuses at once always looks idle: without this cost
 * it would draw the requests of the whole pool.
 */
function errorCost({ errorShare }: Endpoint, promptTokens: number): number {
  return (tokensPerErrors + promptWeight * promptTokens) * errorShare * errorShare;
}
