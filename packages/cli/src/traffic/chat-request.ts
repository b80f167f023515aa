export interface ChatRequest {
  readonly model: string;
  /** Prompt length in tokens, as estimated: four bytes each. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly isStream: boolean;
}

/** The body of a chat completion whose prompt has the asked length. */
export function chatBody({ model, promptTokens, outputTokens, isStream }: ChatRequest): string {
  return JSON.stringify({
    model,
    max_completion_tokens: outputTokens,
    temperature: 0,
    ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
    messages: [{ role: "user", content: "word ".repeat(Math.ceil((promptTokens * 4) / 5)).trim() }],
  });
}

/** What requests are drawn from. */
export interface TrafficMix {
  /** One as often as the other. */
  readonly models: readonly string[];
  /** Mean lengths, in tokens. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Share of requests that stream, 0 to 1. */
  readonly streamRatio: number;
}

/** @param random uniform in [0, 1) */
export function drawn(mix: TrafficMix, random: () => number): ChatRequest {
  return {
    model: mix.models[Math.floor(random() * mix.models.length)] as string,
    promptTokens: skewedLength(mix.promptTokens, random),
    outputTokens: skewedLength(mix.outputTokens, random),
    isStream: random() < mix.streamRatio,
  };
}

/** Around `mean`, never below 1: lengths of prompts and answers are skewed, as in production. */
function skewedLength(mean: number, random: () => number): number {
  return Math.max(1, Math.round(-Math.log(1 - random()) * mean * 0.7 + mean * 0.3));
}
