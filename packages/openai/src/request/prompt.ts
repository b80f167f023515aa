import type { JsonField } from "../json/json-scan.ts";
import { isMedia, mediaSample } from "./media.ts";
import type { RequestFields } from "./read-request.ts";

/**
 * Extracts from a body what the model reads, in the order of chat templates and so of the model server's prefix cache:
 * tools, system text, messages. A `cache_salt` comes first, because prompts with different salts share no cache. Base64
 * images and sounds are represented by samples, about as long as their tokens would be as text.
 *
 * Most prompts consist only of messages and are a view of the body. Only others are assembled.
 */
export function promptOf(
  body: Uint8Array | undefined,
  fields: RequestFields,
): Uint8Array | undefined {
  const main =
    textOf(fields.get("messages")) ?? textOf(fields.get("prompt")) ?? textOf(fields.get("input"));
  if (body === undefined || main === undefined) return undefined;
  // Without the closing bracket or quote, which is at another offset in the next turn.
  const end = Math.max(main.start, main.end - 1);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let pieces: Buffer[] | undefined;
  for (const name of leading) {
    const field = textOf(fields.get(name));
    if (field === undefined) continue;
    pieces ??= [];
    pieces.push(text.subarray(field.start, field.end));
  }
  /** Everything before this offset is in the pieces. */
  let copied = main.start;
  const { longStrings = [] } = fields;
  for (let i = 0; i < longStrings.length; i += 2) {
    const from = longStrings[i] ?? 0;
    const to = longStrings[i + 1] ?? 0;
    if (from < copied || to > end || !isMedia(text, from, to)) continue;
    pieces ??= [];
    pieces.push(text.subarray(copied, from), mediaSample(text, from, to));
    copied = to;
  }
  if (pieces === undefined) return body.subarray(main.start, end);
  pieces.push(text.subarray(copied, end));
  return Buffer.concat(pieces);
}

/** Fields that come before the messages, in cache order. */
const leading = ["cache_salt", "tools", "system", "instructions"] as const;

/** The field if it has content: neither null, nor empty, nor a reference to a prompt stored on the server. */
function textOf(field: JsonField | undefined): JsonField | undefined {
  if (field === undefined || field.end - field.start <= 2) return undefined;
  return field.kind === "array" || field.kind === "text" ? field : undefined;
}
