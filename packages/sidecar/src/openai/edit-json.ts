import { type JsonMember, jsonMembers } from "./json-scan.ts";

/** Changes to the top-level fields of a JSON object. */
export interface JsonEdit {
  /** New values by field; a field that is not there is added. */
  readonly set: ReadonlyMap<string, JsonEditValue>;
  readonly remove: ReadonlySet<string>;
}

/** A value, or what makes one from the text that stands there (undefined: leave it as it is). */
export type JsonEditValue =
  | { readonly json: unknown }
  | { readonly from: (text: string | undefined) => unknown };

/**
 * Edits an object byte by byte: what is not named stays as the client wrote it, numbers beyond double precision
 * included. Returns undefined where the text is no JSON object.
 */
export function editJson(body: Uint8Array, { set, remove }: JsonEdit): Uint8Array | undefined {
  const members = jsonMembers(body);
  if (members === undefined) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const open = text.indexOf("{");
  const close = text.lastIndexOf("}");
  const pieces: Buffer[] = [text.subarray(0, open + 1)];
  let isFirst = true;
  const add = (...member: readonly Buffer[]) => {
    if (!isFirst) pieces.push(comma);
    isFirst = false;
    pieces.push(...member);
  };
  const pending = new Map(set);
  for (const member of members) {
    if (remove.has(member.key)) continue;
    const change = set.get(member.key);
    pending.delete(member.key);
    const value = change === undefined ? undefined : newValue(change, text, member);
    if (value === undefined) add(text.subarray(member.keyStart, member.end));
    else add(text.subarray(member.keyStart, member.start), value);
  }
  for (const [key, change] of pending) {
    const value = newValue(change, text, undefined);
    if (value !== undefined) add(Buffer.from(`${JSON.stringify(key)}:`), value);
  }
  pieces.push(text.subarray(close));
  return Buffer.concat(pieces);
}

const comma = Buffer.from(",");

function newValue(
  change: JsonEditValue,
  text: Buffer,
  member: JsonMember | undefined,
): Buffer | undefined {
  if ("json" in change) return Buffer.from(JSON.stringify(change.json));
  const old = member === undefined ? undefined : text.toString("utf8", member.start, member.end);
  const made = change.from(old);
  return made === undefined ? undefined : Buffer.from(JSON.stringify(made));
}
