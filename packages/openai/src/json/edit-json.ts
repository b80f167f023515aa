import { JsonMembers } from "./json-members.ts";
import type { JsonSpan } from "./json-scan.ts";
import { JsonText } from "./json-text.ts";

/** Changes to the top-level fields of a JSON object. */
export interface JsonEdit {
  /** New values by field; a field that is not there is added. */
  readonly set: ReadonlyMap<string, JsonEditValue>;
  readonly remove: ReadonlySet<string>;
}

/** A value, or what makes one from the value that is there (undefined: leave it as it is). */
export type JsonEditValue =
  | { readonly json: unknown }
  | { readonly from: (old: JsonEditOld | undefined) => unknown };

/** A value that is to be changed. It is as long as its client likes: look at `bytes` before its text. */
export interface JsonEditOld {
  readonly bytes: number;
  text(): string;
}

/**
 * Gives a field that a scan may have found another value. Where it stands once, its bytes are exchanged and the text is
 * not read again. Returns undefined where the text is no JSON object.
 */
export function setField(
  body: Uint8Array,
  fields: { get(name: string): JsonSpan | undefined },
  name: string,
  json: unknown,
): Uint8Array | undefined {
  const field = fields.get(name);
  if (field === undefined || field.isRepeated) {
    return editJson(body, { set: new Map([[name, { json }]]), remove: noNames });
  }
  const value = Buffer.from(JSON.stringify(json));
  return Buffer.concat([body.subarray(0, field.start), value, body.subarray(field.end)]);
}

const noNames: ReadonlySet<string> = new Set();

/**
 * Edits an object byte by byte: what is not named stays as the client wrote it, numbers beyond double precision and
 * white space included. A key that is repeated is changed everywhere. Returns undefined where the text is no JSON object.
 */
export function editJson(body: Uint8Array, { set, remove }: JsonEdit): Uint8Array | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const pieces: Buffer[] = [];
  /** All before it is in the pieces, or dropped. */
  let copied = 0;
  const copyTo = (end: number) => {
    if (end > copied) pieces.push(text.subarray(copied, end));
  };
  const pending = new Map(set);
  // An escape takes six bytes for a character, and a character three without one: longer keys are none of the names.
  const longest = 2 + 6 * Math.max(0, ...[...set.keys(), ...remove].map(({ length }) => length));
  const members = new JsonMembers(new JsonText(text));
  let hasMembers = false;
  /** Where the last member ends, or the object's brace does. */
  let last = 0;
  /** The first members are dropped, with all that is between them. */
  let isDropping = false;
  while (members.next()) {
    const isLong = members.keyEnd - members.keyStart > longest;
    const key = isLong ? undefined : keyOf(text, members);
    if (key !== undefined && remove.has(key)) {
      // With the comma before it; of the first ones, with the comma behind it.
      if (!isDropping) copyTo(hasMembers ? last : members.keyStart);
      isDropping = !hasMembers;
      copied = members.end;
      last = members.end;
      continue;
    }
    if (isDropping) copied = members.keyStart;
    isDropping = false;
    hasMembers = true;
    last = members.end;
    const change = key === undefined ? undefined : set.get(key);
    if (change !== undefined && key !== undefined) pending.delete(key);
    const value = change === undefined ? undefined : newValue(change, oldAt(text, members));
    if (value === undefined) continue;
    copyTo(members.start);
    pieces.push(value);
    copied = members.end;
  }
  if (members.fault !== undefined) return undefined;
  for (const [key, change] of pending) {
    const value = newValue(change, undefined);
    if (value === undefined) continue;
    copyTo(Math.max(last, members.open + 1));
    copied = Math.max(copied, last, members.open + 1);
    pieces.push(Buffer.from(`${hasMembers ? "," : ""}${JSON.stringify(key)}:`), value);
    hasMembers = true;
  }
  copyTo(text.length);
  return Buffer.concat(pieces);
}

function keyOf(text: Buffer, { keyStart, keyEnd }: JsonMembers): string {
  const key = text.toString("utf8", keyStart, keyEnd);
  return key.includes("\\") ? (JSON.parse(key) as string) : key.slice(1, -1);
}

function oldAt(text: Buffer, { start, end }: JsonMembers): JsonEditOld {
  return { bytes: end - start, text: () => text.toString("utf8", start, end) };
}

function newValue(change: JsonEditValue, old: JsonEditOld | undefined): Buffer | undefined {
  const made = "json" in change ? change.json : change.from(old);
  return made === undefined ? undefined : Buffer.from(JSON.stringify(made));
}
