import { defineScorer, type Scorer } from "../plugin.ts";

export interface PrefixCacheOptions {
  /** Weight of the cached length relative to the cached share, 0 to 1; 0 when absent. */
  readonly lengthWeight?: number;
  /** Cached tokens that give the full score for length; 8,192 when absent. */
  readonly lengthScaleTokens?: number;
}

/**
 * Prefers endpoints that have the start of the prompt in their KV cache. The score is
 * `(1 - w) * cached share + w * min(1, cached tokens / lengthScaleTokens) ** 2` with `w = lengthWeight`, the formula of
 * the reference endpoint picker's `prefix-cache-scorer`.
 */
export function prefixCacheScorer(options: PrefixCacheOptions = {}): Scorer {
  const { lengthWeight = 0, lengthScaleTokens = 8_192 } = options;
  return defineScorer({
    name: "prefix-cache",
    rate(_request, endpoint, context) {
      if (context.promptTokens === 0) return 0;
      const cached = context.cachedTokens(endpoint);
      const share = cached / context.promptTokens;
      return (
        (1 - lengthWeight) * share + lengthWeight * Math.min(1, cached / lengthScaleTokens) ** 2
      );
    },
  });
}
