export interface ChatRequest {
  readonly model: string;
  /** Prompt length in tokens, as estimated: four bytes each. */
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly isStream: boolean;
  /** Whether it offers a tool; absent: it does not. */
  readonly hasTools?: boolean;
}

/** The tool that is offered. */
const weatherTool = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      required: ["city"],
      properties: { city: { type: "string" }, days: { type: "integer", minimum: 1 } },
    },
  },
};

/** Creates the body of a chat completion with a prompt of the requested length. */
export function chatBody(request: ChatRequest): string {
  const { model, promptTokens, outputTokens, isStream, hasTools = false } = request;
  return JSON.stringify({
    model,
    max_completion_tokens: outputTokens,
    temperature: 0,
    ...(hasTools ? { tools: [weatherTool] } : {}),
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
  /** Whether every request offers a tool; absent: none does. */
  readonly hasTools?: boolean;
}

/** @param random uniform in [0, 1) */
export function drawRequest(mix: TrafficMix, random: () => number): ChatRequest {
  return {
    model: mix.models[Math.floor(random() * mix.models.length)] as string,
    promptTokens: skewedLength(mix.promptTokens, random),
    outputTokens: skewedLength(mix.outputTokens, random),
    isStream: random() < mix.streamRatio,
    ...(mix.hasTools === true ? { hasTools: true } : {}),
  };
}

/** Draws a length around `mean`, at least 1. The distribution is skewed, as in production traffic. */
function skewedLength(mean: number, random: () => number): number {
  return Math.max(1, Math.round(-Math.log(1 - random()) * mean * 0.7 + mean * 0.3));
}
