import type { Answer } from "./answer.ts";
import { boundedLines } from "./bounded-lines.ts";
import { isJsonObject, type Json } from "./canonical-json.ts";
import { type ComparedRequest, readComparedRequest } from "./compared-request.ts";
import { parsed } from "./json-answer.ts";
import { type AnswerId, longId, maxIdLength, ownId, readAnswer } from "./read-answer.ts";

/** A line of a file, read. `units` is its length, an estimate of its memory. */
export interface RecordedLine<Value> {
  readonly number: number;
  readonly units: number;
  readonly id: AnswerId | undefined;
  readonly value: Value;
}

/** Why a line could not be used. Never contains text of the line. */
export interface UnusedLine {
  readonly line: number;
  readonly problem: string;
}

/** Longest line, in bytes. */
const maxLineBytes = 4 * 2 ** 20;

type Read<Value> =
  | { readonly ok: true; readonly id: AnswerId | undefined; readonly value: Value }
  | { readonly ok: false; readonly problem: string };

/** Reads a file's lines one by one. Skips empty lines; passes unusable ones to `onUnused`. */
async function* recordedLines<Value>(
  chunks: AsyncIterable<Uint8Array>,
  read: (json: Json) => Read<Value>,
  onUnused: (unused: UnusedLine) => void,
): AsyncGenerator<RecordedLine<Value>> {
  for await (const { number: line, text } of boundedLines(chunks, maxLineBytes)) {
    if (text === undefined) {
      onUnused({ line, problem: "longer than 4 MiB" });
      continue;
    }
    if (text.trim() === "") continue;
    const json = parsed(text);
    const found = json === undefined ? ({ ok: false, problem: "not JSON" } as const) : read(json);
    if (found.ok) yield { number: line, units: text.length, id: found.id, value: found.value };
    else onUnused({ line, problem: found.problem });
  }
}

/** Reads the lines of a file of answers. */
export function answerLines(
  chunks: AsyncIterable<Uint8Array>,
  onUnused: (unused: UnusedLine) => void,
): AsyncGenerator<RecordedLine<Answer>> {
  const read = (json: Json): Read<Answer> => {
    const found = readAnswer(json);
    return found.ok ? { ok: true, id: found.id, value: found.answer } : found;
  };
  return recordedLines(chunks, read, onUnused);
}

/** Reads the lines of a file of requests: bodies of chat completions, or a batch's input (`custom_id` and `body`). */
export function requestLines(
  chunks: AsyncIterable<Uint8Array>,
  onUnused: (unused: UnusedLine) => void,
): AsyncGenerator<RecordedLine<ComparedRequest>> {
  const read = (json: Json): Read<ComparedRequest> => {
    const { body = json, custom_id: customId, id = customId } = isJsonObject(json) ? json : {};
    const value = readComparedRequest(body);
    if (value === undefined) return { ok: false, problem: "not a JSON object" };
    const name = ownId(customId ?? id);
    if (name !== undefined && name.text.length > maxIdLength) return { ok: false, problem: longId };
    if (!isRequest(body)) return { ok: false, problem: notRequest };
    return { ok: true, id: name, value };
  };
  return recordedLines(chunks, read, onUnused);
}

const notRequest = "not a request: it has no messages, tools, temperature or response_format";

/** A request has one of these fields. Without this check, a wrong file would silently count as requests. */
const requestFields = [
  ...["messages", "prompt", "input", "model", "tools", "response_format", "guided_json"],
  ...["temperature", "top_k", "top_p", "seed", "max_tokens"],
] as const;

function isRequest(body: Json): boolean {
  return isJsonObject(body) && requestFields.some((field) => body[field] !== undefined);
}
