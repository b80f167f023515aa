import { defineScorer, type Scorer } from "../plugin.ts";

export interface TokenLoadOptions {
  /** Tokens that count as full load; 4,194,304 when absent, as of the reference endpoint picker. */
  readonly threshold?: number;
  /** True, when absent: output tokens to be expected count as well as prompts. */
  readonly withOutput?: boolean;
}

/**
 * Prefers endpoints with few tokens to compute: prompts sent and not yet answered, this request's prompt as far as
 * the endpoint has not cached it, and outputs expected. Formula of the reference's `token-load-scorer`.
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
