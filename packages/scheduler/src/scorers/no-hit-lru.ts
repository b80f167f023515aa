import type { Endpoint } from "../model/endpoint.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { Scorer } from "../plugin.ts";

export interface NoHitLruOptions {
  /** Most endpoints to remember; 1,024 when absent. */
  readonly maxEndpoints?: number;
}

/**
 * Spreads prompts that no endpoint has cached. The endpoint that received such a prompt least recently scores 1, the
 * most recent one 0; endpoints that never received one rank first. If any endpoint has part of the prompt cached, all
 * score 0.5 and the choice is left to the prefix scorer. Uses the formula of the reference endpoint picker's
 * `no-hit-lru-scorer`.
 */
export function noHitLruScorer({ maxEndpoints = 1_024 }: NoHitLruOptions = {}): Scorer {
  /** Addresses, least recently used first. */
  const used = new Set<string>();
  let rated: InferenceRequest | undefined;
  let wasCold = false;

  return {
    name: "no-hit-lru",
    score(request, endpoints, scores, context) {
      const count = endpoints.length;
      rated = request;
      wasCold = !endpoints.some((endpoint) => context.cachedTokens(endpoint) > 0);
      if (!wasCold) {
        scores.fill(0.5, 0, count);
        return;
      }
      const last = Math.max(1, count - 1);
      const index = new Map(endpoints.map(({ address }, i) => [address, i]));
      let rank = 0;
      for (let i = 0; i < count; i++) {
        if (!used.has((endpoints[i] as Endpoint).address)) scores[i] = 1 - rank++ / last;
      }
      for (const address of used) {
        const i = index.get(address);
        if (i !== undefined) scores[i] = 1 - rank++ / last;
      }
    },
    onPicked(request, endpoint, context) {
      // If filters leave one endpoint, it is picked without being scored.
      const isCold = rated === request ? wasCold : context.cachedTokens(endpoint) === 0;
      rated = undefined;
      if (!isCold) return;
      const { address } = endpoint;
      used.delete(address);
      used.add(address);
      if (used.size > maxEndpoints) used.delete(used.values().next().value as string);
    },
  };
}
