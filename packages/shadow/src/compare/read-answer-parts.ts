import { isJsonObject, type Json } from "./canonical-json.ts";
import { contentText } from "./content-text.ts";
import type { TokenLogprob } from "./log-probabilities.ts";
import { argumentsText, logprobsOf } from "./read-answer.ts";

/** Receives the parts of an answer's first choice, in the order of the answer. */
export interface AnswerParts {
  /** A piece of the visible text. */
  text(piece: string): void;
  /** A piece of the name of a tool call. `index` tells calls apart, from 0 on. */
  toolName(index: number, piece: string): void;
  toolArguments(index: number, piece: string): void;
  /** The API's `refusal` field is set. */
  refusal(): void;
  /** The reason the server gives for stopping. */
  finish(reason: string): void;
  logprobs(tokens: readonly TokenLogprob[]): void;
  /** A part is not text but an image or audio. */
  media(): void;
}

type Members = Readonly<Record<string, Json>>;

/**
 * Reads an event of a stream or a whole answer: OpenAI's chat completions, completions and responses, Anthropic's
 * messages. The format is detected from the fields; unknown events are ignored.
 */
export function readAnswerParts(json: Json, parts: AnswerParts): void {
  if (!isJsonObject(json)) return;
  if (Array.isArray(json.choices)) readChoices(json.choices as readonly Json[], parts);
  else if (json.object === "response") readResponse(json, parts);
  else if (typeof json.type === "string") readTyped(json.type, json, parts);
}

function readChoices(choices: readonly Json[], parts: AnswerParts): void {
  const choice = choices.find((each) => isJsonObject(each) && (each.index ?? 0) === 0);
  if (!isJsonObject(choice)) return;
  const message = objectOf(choice.delta ?? choice.message);
  addContent(message.content ?? choice.text, parts);
  if (isText(message.refusal)) parts.refusal();
  if (isJsonObject(message.audio)) parts.media();
  addToolCalls(message.tool_calls, parts);
  if (isText(choice.finish_reason)) parts.finish(choice.finish_reason);
  const { logprobs = [] } = logprobsOf(choice.logprobs);
  if (logprobs.length > 0) parts.logprobs(logprobs);
}

function addContent(content: Json, parts: AnswerParts): void {
  const text = contentText(content);
  if (text !== "") parts.text(text);
  if (Array.isArray(content) && (content as readonly Json[]).some(isMedia)) parts.media();
}

function isMedia(part: Json): boolean {
  return isJsonObject(part) && isText(part.type) && /image|audio|video/.test(part.type);
}

/** In a stream, the later events of a call have only its index. */
function addToolCalls(calls: Json, parts: AnswerParts): void {
  if (!Array.isArray(calls)) return;
  for (const [place, call] of (calls as readonly Json[]).entries()) {
    if (!isJsonObject(call)) continue;
    const { name, arguments: args } = objectOf(call.function);
    addCall(indexOf(call.index, place), { name, args: argumentsText(args ?? null) }, parts);
  }
}

function addCall(
  index: number,
  { name, args }: { readonly name: Json; readonly args: string },
  parts: AnswerParts,
): void {
  parts.toolName(index, typeof name === "string" ? name : "");
  if (args !== "") parts.toolArguments(index, args);
}

function readTyped(type: string, json: Members, parts: AnswerParts): void {
  if (type === "message") readMessage(json, parts);
  else if (type.startsWith("response.")) readResponsesEvent(type, json, parts);
  else readMessagesEvent(type, json, parts);
}

/** A whole message of Anthropic's API. */
function readMessage({ content, stop_reason: reason }: Members, parts: AnswerParts): void {
  const blocks = Array.isArray(content) ? (content as readonly Json[]) : [];
  for (const [index, block] of blocks.entries()) {
    if (!isJsonObject(block)) continue;
    if (block.type === "text") addContent([block], parts);
    if (block.type === "tool_use") {
      addCall(index, { name: block.name, args: argumentsText(block.input ?? null) }, parts);
    }
  }
  if (isText(reason)) parts.finish(reason);
}

/** An event of Anthropic's API. */
function readMessagesEvent(type: string, event: Members, parts: AnswerParts): void {
  const [delta, block] = [objectOf(event.delta), objectOf(event.content_block)];
  const index = indexOf(event.index, 0);
  if (type === "content_block_start" && block.type === "tool_use") {
    parts.toolName(index, isText(block.name) ? block.name : "");
  }
  if (type === "content_block_delta") {
    if (isText(delta.text)) parts.text(delta.text);
    if (isText(delta.partial_json)) parts.toolArguments(index, delta.partial_json);
  }
  if (type === "message_delta" && isText(delta.stop_reason)) parts.finish(delta.stop_reason);
}

/** An event of OpenAI's responses. */
function readResponsesEvent(type: string, event: Members, parts: AnswerParts): void {
  const index = indexOf(event.output_index, 0);
  const item = objectOf(event.item);
  if (type === "response.output_item.added" && item.type === "function_call") {
    parts.toolName(index, isText(item.name) ? item.name : "");
  }
  if (type === "response.completed" || type === "response.incomplete") {
    finishResponse(objectOf(event.response), parts);
  }
  if (!isText(event.delta)) return;
  if (type === "response.output_text.delta") parts.text(event.delta);
  if (type === "response.refusal.delta") parts.refusal();
  if (type === "response.function_call_arguments.delta") parts.toolArguments(index, event.delta);
}

/** A whole answer of OpenAI's responses. */
function readResponse(response: Members, parts: AnswerParts): void {
  const items = Array.isArray(response.output) ? (response.output as readonly Json[]) : [];
  for (const [index, item] of items.entries()) {
    if (!isJsonObject(item)) continue;
    if (item.type === "message") {
      addContent(item.content, parts);
      const content = Array.isArray(item.content) ? (item.content as readonly Json[]) : [];
      if (content.some((part) => isJsonObject(part) && isText(part.refusal))) parts.refusal();
    }
    if (item.type === "function_call") {
      addCall(index, { name: item.name, args: argumentsText(item.arguments ?? null) }, parts);
    }
  }
  finishResponse(response, parts);
}

function finishResponse(
  { status, incomplete_details: details }: Members,
  parts: AnswerParts,
): void {
  const { reason } = objectOf(details);
  if (isText(reason)) parts.finish(reason);
  else if (isText(status)) parts.finish(status);
}

function indexOf(json: Json, place: number): number {
  return typeof json === "number" && Number.isSafeInteger(json) && json >= 0 ? json : place;
}

function objectOf(json: Json): Members {
  return isJsonObject(json) ? json : {};
}

function isText(json: Json): json is string {
  return typeof json === "string" && json !== "";
}
