import { defineFilter, type Filter } from "../plugin.ts";

export interface PrefixAffinityOptions {
  /** Share of the prompt that an endpoint must hold, 0 to 1; 0.8 when absent, as in the reference endpoint picker. */
  readonly threshold?: number;
}

/** Keeps the endpoints that hold nearly all of the prompt, if there are any. */
export function prefixAffinityFilter({ threshold = 0.8 }: PrefixAffinityOptions = {}): Filter {
  return defineFilter({
    name: "prefix-affinity",
    keep: (_request, endpoint, context) =>
      context.promptTokens > 0 &&
      context.cachedTokens(endpoint) >= threshold * context.promptTokens,
  });
}
