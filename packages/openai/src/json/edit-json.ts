import { JsonMembers } from "./json-members.ts";
import type { JsonSpan } from "./json-scan.ts";
import { JsonText } from "./json-text.ts";

/** Changes to the top-level fields of a JSON object. */
export interface JsonEdit {
  /** New values by field; missing fields are added. */
  readonly set: ReadonlyMap<string, JsonEditValue>;
  readonly remove: ReadonlySet<string>;
}

/** A value, or a function from the old value to the new one (undefined leaves it unchanged). */
export type JsonEditValue =
  | { readonly json: unknown }
  | { readonly from: (old: JsonEditOld | undefined) => unknown };

/** The old value of a field. Its length is chosen by the client, so check `bytes` before reading its text. */
export interface JsonEditOld {
  readonly bytes: number;
  text(): string;
}

/**
 * Replaces the value of a field that a scan may have found. If the field occurs once, only its bytes are replaced,
 * without another scan. Returns undefined if the text is not a JSON object.
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
 * Edits an object without reformatting it: everything else keeps its bytes, including white space and numbers beyond
 * double precision. A repeated key is changed everywhere. Returns undefined if the text is not a JSON object.
 */
export function editJson(body: Uint8Array, { set, remove }: JsonEdit): Uint8Array | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const pieces: Buffer[] = [];
  /** Everything before this offset is in the pieces or dropped. */
  let copied = 0;
  const copyTo = (end: number) => {
    if (end > copied) pieces.push(text.subarray(copied, end));
  };
  const pending = new Map(set);
  // A character takes at most six bytes, as an escape. Longer keys can't be one of the names.
  const longest = 2 + 6 * Math.max(0, ...[...set.keys(), ...remove].map(({ length }) => length));
  const members = new JsonMembers(new JsonText(text));
  let hasMembers = false;
  /** End of the last member, or of the object's opening brace. */
  let last = 0;
  /** True while the first members are dropped, including what is between them. */
  let isDropping = false;
  while (members.next()) {
    const isLong = members.keyEnd - members.keyStart > longest;
    const key = isLong ? undefined : keyOf(text, members);
    if (key !== undefined && remove.has(key)) {
      // A member is dropped with the comma before it; the first ones with the comma after them.
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
