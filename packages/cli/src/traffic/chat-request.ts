export interface ChatRequest {
  readonly model: string;
  /** Prompt length in tokens, as estimated: four bytes each. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly isStream: boolean;
}

/** Creates the body of a chat completion with a prompt of the requested length. */
export function chatBody({ model, promptTokens, outputTokens, isStream }: ChatRequest): string {
  return JSON.stringify({
    model,
    max_completion_tokens: outputTokens,
    temperature: 0,
    ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
    messages: [{ role: "user", content: "word ".repeat(Math.ceil((promptTokens * 4) / 5)).trim() }],
  });
}

/** The distribution of generated requests. */
export interface TrafficMix {
  /** Models, requested equally often. */
  readonly models: readonly string[];
  /** Mean lengths, in tokens. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Share of requests that stream, 0 to 1. */
  readonly streamRatio: number;
}

/** @param random uniform in [0, 1) */
export function drawRequest(mix: TrafficMix, random: () => number): ChatRequest {
  return {
    model: mix.models[Math.floor(random() * mix.models.length)] as string,
    promptTokens: skewedLength(mix.promptTokens, random),
    outputTokens: skewedLength(mix.outputTokens, random),
    isStream: random() < mix.streamRatio,
  };
}

/** Draws a length around `mean`, at least 1. The distribution is skewed, as in production traffic. */
function skewedLength(mean: number, random: () => number): number {
  return Math.max(1, Math.round(-Math.log(1 - random()) * mean * 0.7 + mean * 0.3));
}
