import type { AnswerEvent } from "../token-event.ts";

/**
 * Reads an answer of OpenAI's chat completions and completions: a stream's event (`delta`) or a whole body
 * (`message`). Of several choices the first counts.
 */
export function readOpenAi(json: unknown): AnswerEvent {
  const answer = record(json);
  const choice = record(Array.isArray(answer.choices) ? answer.choices[0] : undefined);
  const part = record(choice.delta ?? choice.message);
  const visible = `${string(part.content)}${string(choice.text)}`;
  const reasoning = `${string(part.reasoning_content)}${string(part.reasoning)}`;
  const hasToolCall = Array.isArray(part.tool_calls) && part.tool_calls.length > 0;
  const usage = readUsage(answer.usage);
  const finishReason = choice.finish_reason;
  return {
    hasToken: visible !== "" || reasoning !== "" || hasToolCall,
    chars: codePoints(visible),
    ...(typeof answer.id === "string" ? { id: answer.id.slice(0, 128) } : {}),
    ...(typeof answer.model === "string" ? { model: answer.model.slice(0, 256) } : {}),
    ...(typeof finishReason === "string" ? { finishReason: finishReason.slice(0, 32) } : {}),
    ...(usage === undefined ? {} : { usage }),
    ...(answer.error !== undefined && answer.error !== null ? { isError: true } : {}),
  };
}

function readUsage(json: unknown): AnswerEvent["usage"] {
  if (typeof json !== "object" || json === null) return undefined;
  const usage = record(json);
  const promptTokens = count(usage.prompt_tokens);
  const outTokens = count(usage.completion_tokens);
  return {
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(outTokens === undefined ? {} : { outTokens }),
  };
}

/** Model servers are not trusted to keep their own schema. */
function record(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
}

function string(json: unknown): string {
  return typeof json === "string" ? json : "";
}

function count(json: unknown): number | undefined {
  return typeof json === "number" && Number.isSafeInteger(json) && json >= 0 ? json : undefined;
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
