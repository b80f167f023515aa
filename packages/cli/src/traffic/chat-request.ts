/** One request of the generated traffic. */
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
