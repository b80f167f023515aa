import type { AnswerEvent, AnswerUsage } from "../token-event.ts";
import { nothingSaid } from "../token-event.ts";
import { codePoints, count, finishReason, names, record, text, usageOf } from "./json.ts";

/** Reads an event of Anthropic's Messages API by its `type`; undefined for other types. */
export function readMessagesEvent(
  type: string,
  event: Readonly<Record<string, unknown>>,
): AnswerEvent | undefined {
  switch (type) {
    case "message_start": {
      const message = record(event.message);
      return { ...nothingSaid, ...names(message), ...readUsage(message.usage) };
    }
    case "content_block_delta":
      return readDelta(record(event.delta));
    case "message_delta":
      return {
        ...nothingSaid,
        ...finishReason(record(event.delta).stop_reason),
        ...readUsage(event.usage),
      };
    case "message_stop":
      return { ...nothingSaid, isLast: true };
    case "ping":
    case "content_block_start":
    case "content_block_stop":
      return nothingSaid;
    default:
      return undefined;
  }
}

function readDelta(delta: Readonly<Record<string, unknown>>): AnswerEvent {
  const visible = text(delta.text);
  if (visible !== "") return { hasToken: true, isVisible: true, chars: codePoints(visible) };
  if (text(delta.partial_json) !== "") return { hasToken: true, isVisible: true, chars: 0 };
  return text(delta.thinking) === "" ? nothingSaid : { hasToken: true, isVisible: false, chars: 0 };
}

/** Reads a whole message of Anthropic's Messages API. */
export function readMessage(message: Readonly<Record<string, unknown>>): AnswerEvent {
  const parts = Array.isArray(message.content) ? message.content.map(record) : [];
  const visible = parts.map((part) => text(part.text)).join("");
  const isVisible = visible !== "" || parts.some(({ type }) => type === "tool_use");
  return {
    hasToken: isVisible || parts.some(({ type }) => type === "thinking"),
    isVisible,
    chars: codePoints(visible),
    ...names(message),
    ...finishReason(message.stop_reason),
    ...readUsage(message.usage),
    isLast: true,
  };
}

/** Reads the usage. Input tokens do not include cached ones in this API. */
function readUsage(json: unknown): { readonly usage?: AnswerUsage } {
  if (typeof json !== "object" || json === null) return {};
  const usage = record(json);
  const fresh = count(usage.input_tokens);
  const cached = count(usage.cache_read_input_tokens);
  const written = count(usage.cache_creation_input_tokens) ?? 0;
  const prompt = fresh === undefined ? undefined : fresh + (cached ?? 0) + written;
  return { usage: usageOf(prompt, cached, count(usage.output_tokens)) };
}
