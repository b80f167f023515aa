import type { AnswerEvent, AnswerUsage } from "../token-event.ts";
import { codePoints, count, finishReason, names, record, text, usageOf } from "./json.ts";

/**
 * Reads an answer of OpenAI's chat completions and completions: a stream's event (`delta`) or a whole body (`message`).
 * Of several choices the first is used.
 */
export function readOpenAi(answer: Readonly<Record<string, unknown>>): AnswerEvent {
  const choice = record(Array.isArray(answer.choices) ? answer.choices[0] : undefined);
  const part = record(choice.delta ?? choice.message);
  const visible = text(part.content) || text(choice.text);
  const hasReasoning = text(part.reasoning_content) !== "" || text(part.reasoning) !== "";
  const hasToolCall = Array.isArray(part.tool_calls) && part.tool_calls.length > 0;
  const isVisible = visible !== "" || hasToolCall;
  return {
    hasToken: isVisible || hasReasoning,
    isVisible,
    chars: codePoints(visible),
    ...names(answer),
    ...finishReason(choice.finish_reason),
    ...readUsage(answer.usage),
  };
}

function readUsage(json: unknown): { readonly usage?: AnswerUsage } {
  if (typeof json !== "object" || json === null) return {};
  const usage = record(json);
  const cached = record(usage.prompt_tokens_details).cached_tokens;
  return {
    usage: usageOf(count(usage.prompt_tokens), count(cached), count(usage.completion_tokens)),
  };
}
