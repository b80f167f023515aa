import type { Answer } from "../compare/answer.ts";
import { isJsonObject, type Json } from "../compare/canonical-json.ts";
import { contentText } from "../compare/content-text.ts";
import { type TextOptions, withoutReasoning } from "../compare/normalized-text.ts";

/** What a judge needs to see of one answer, at most `maxChars` characters: its text, then its tool calls as JSON. */
export function answerInWords(
  { text, toolCalls = [] }: Answer,
  { maxChars, stripsReasoning = true }: TextOptions & { readonly maxChars: number },
): string {
  const visible = (stripsReasoning ? withoutReasoning(text) : text).trim().slice(0, maxChars);
  if (toolCalls.length === 0) return visible;
  const parts = visible === "" ? [] : [visible];
  let room = maxChars - visible.length;
  for (const { name, arguments: args } of toolCalls) {
    if (room <= 0) break;
    const call = JSON.stringify({ tool: name.slice(0, room), arguments: args.slice(0, room) });
    parts.push(call);
    room -= call.length + 1;
  }
  return parts.join("\n").slice(0, maxChars);
}

/**
 * The end of a request's conversation in words, at most `maxChars` characters. Images and audio are left out. Empty if it
 * is not known, or has no text.
 */
export function conversationInWords(body: Json, maxChars: number): string {
  if (!isJsonObject(body)) return "";
  const messages = body.messages ?? body.input ?? body.prompt;
  if (typeof messages === "string") return messages.slice(-maxChars);
  if (!Array.isArray(messages)) return "";
  const parts: string[] = [];
  let room = maxChars;
  for (const message of (messages as readonly Json[]).toReversed()) {
    if (room <= 0) break;
    const said = messageInWords(message, room);
    if (said === undefined) continue;
    parts.unshift(said);
    room -= said.length + 1;
  }
  return parts.join("\n").slice(-maxChars);
}

/** Undefined for what is no message, such as the numbers of tokens. */
function messageInWords(message: Json, maxChars: number): string | undefined {
  if (typeof message === "string") return message.slice(-maxChars);
  if (!isJsonObject(message)) return undefined;
  const role = typeof message.role === "string" ? message.role.slice(0, 16) : "user";
  return `${role}: ${contentText(message.content).slice(-maxChars)}`;
}
