import { defineScorer, type Scorer } from "../plugin.ts";

export interface TokenLoadOptions {
  /** Tokens that count as full load; 4,194,304 when absent, as in the reference endpoint picker. */
  readonly threshold?: number;
  /** Whether expected output tokens count as well as prompts; true when absent. */
  readonly withOutput?: boolean;
}

/**
 * Prefers endpoints with few tokens to compute: pending prompts, the uncached part of this request's prompt, and
 * expected outputs. Uses the formula of the reference endpoint picker's `token-load-scorer`.
 */
export function tokenLoadScorer(options: TokenLoadOptions = {}): Scorer {
  const { threshold = 4_194_304, withOutput = true } = options;
  return defineScorer({
    name: "token-load",
    rate(_request, endpoint, context) {
      const prompts =
        endpoint.pendingPromptTokens + context.promptTokens - context.cachedTokens(endpoint);
      const outputs = withOutput ? endpoint.pendingOutputTokens + context.outputTokens : 0;
      return 1 - Math.min(1, (prompts + outputs) / threshold);
    },
  });
}
