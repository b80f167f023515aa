import type { AnswerEvent } from "../token-event.ts";
import { nothingSaid } from "../token-event.ts";
import { codePoints, count, finishReason, names, record, text, usageOf } from "./json.ts";

/** Reads an event of OpenAI's responses, by its `type`. */
export function readResponsesEvent(
  type: string,
  event: Readonly<Record<string, unknown>>,
): AnswerEvent {
  if (type.endsWith(".delta")) {
    const delta = text(event.delta);
    if (delta === "") return nothingSaid;
    const isReasoning = type.startsWith("response.reasoning");
    const isText = type === "response.output_text.delta" || type === "response.refusal.delta";
    return { hasToken: true, isVisible: !isReasoning, chars: isText ? codePoints(delta) : 0 };
  }
  switch (type) {
    case "error":
    case "response.failed":
      return { ...nothingSaid, isError: true, isLast: true };
    case "response.completed":
    case "response.incomplete":
      return { ...ending(record(event.response)), hasToken: false, isVisible: false, chars: 0 };
    default:
      return nothingSaid;
  }
}

/** Reads a whole answer of OpenAI's responses. */
export function readResponse(response: Readonly<Record<string, unknown>>): AnswerEvent {
  const items = Array.isArray(response.output) ? response.output.map(record) : [];
  const parts = items.flatMap(({ content }) => (Array.isArray(content) ? content.map(record) : []));
  const visible = parts.map((part) => text(part.text)).join("");
  const hasToolCall = items.some(({ type }) => type === "function_call");
  const isVisible = visible !== "" || hasToolCall;
  return {
    hasToken: isVisible || items.some(({ type }) => type === "reasoning"),
    isVisible,
    chars: codePoints(visible),
    ...ending(response),
  };
}

function ending(response: Readonly<Record<string, unknown>>) {
  const usage = record(response.usage);
  const cached = record(usage.input_tokens_details).cached_tokens;
  const reason =
    response.status === "incomplete"
      ? (record(response.incomplete_details).reason ?? "other")
      : response.status;
  return {
    ...names(response),
    ...finishReason(reason),
    usage: usageOf(count(usage.input_tokens), count(cached), count(usage.output_tokens)),
    isLast: true as const,
  };
}
