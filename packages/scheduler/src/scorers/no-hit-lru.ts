import type { Endpoint } from "../model/endpoint.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { Scorer } from "../plugin.ts";

export interface NoHitLruOptions {
  /** Endpoints remembered; 1,024 when absent. */
  readonly maxEndpoints?: number;
}

/**
 * Spreads prompts that no endpoint has cached: the endpoint that such a prompt went to longest ago scores 1, the
 * latest 0, those never used come first. Where any endpoint has a part of the prompt, all score 0.5: prefixes are
 * the prefix scorer's business. Formula of the reference endpoint picker's `no-hit-lru-scorer`.
 */
export function noHitLruScorer({ maxEndpoints = 1_024 }: NoHitLruOptions = {}): Scorer {
  /** By address, longest ago first. */
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
      // An endpoint that filters have left alone is picked unrated.
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
