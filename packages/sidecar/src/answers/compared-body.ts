import type { RequestFields } from "@umbra/openai";
import { comparedFields } from "@umbra/shadow/compare";

/** The part of a request's body that the comparison of its answers needs, as JSON. */
export interface ComparedBody {
  readonly json: Uint8Array;
  /** Bytes of the tools and the schema in it. */
  readonly ruleBytes: number;
}

/** Longest part of a body that is copied. Without the messages, the script of the request is unknown, and no judge is asked. */
const maxBytes = 256 * 1024;
const messageFields: ReadonlySet<string> = new Set(["messages", "input", "prompt"]);
const ruleFields: ReadonlySet<string> = new Set([
  "tools",
  "response_format",
  "guided_json",
  "text",
]);

/** Copies the fields that the comparison needs. Undefined if they are too long. */
export function comparedBody(body: Uint8Array, fields: RequestFields): ComparedBody | undefined {
  const pieces: Uint8Array[] = [];
  let [bytes, ruleBytes] = [1, 0];
  for (const name of comparedFields) {
    const field = fields.get(name);
    if (field === undefined) continue;
    const length = field.end - field.start;
    const isTooLong = bytes + length > maxBytes;
    if (isTooLong && messageFields.has(name)) continue;
    if (isTooLong) return undefined;
    const key = Buffer.from(`${pieces.length === 0 ? "{" : ","}"${name}":`);
    pieces.push(key, body.subarray(field.start, field.end));
    bytes += key.length + length;
    if (ruleFields.has(name)) ruleBytes += length;
  }
  pieces.push(Buffer.from(pieces.length === 0 ? "{}" : "}"));
  return { json: Buffer.concat(pieces), ruleBytes };
}
