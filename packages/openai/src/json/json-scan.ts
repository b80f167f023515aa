import type { JsonKeys } from "./json-keys.ts";
import { type JsonFault, JsonMembers } from "./json-members.ts";
import { JsonText, skipSpace } from "./json-text.ts";
import { skipValue } from "./json-value.ts";
import { utf8FaultIn } from "./utf8-fault.ts";

/** Result of a scan: the wanted top-level fields, or position and reason of a refusal. */
export type JsonScan = { readonly ok: true; readonly fields: JsonFields } | JsonFault;

/** Wanted fields found in a text, by name. */
export interface JsonFields {
  get(name: string): JsonField | undefined;
  /**
   * Start and end offsets of the first strings of at least 4 KiB anywhere in the text, in text order; absent if there
   * are none.
   */
  readonly longStrings?: readonly number[] | undefined;
}

/** Offsets of a field's value, and the value itself if it is a read field. */
export type JsonField = JsonSpan & JsonContent;

export type JsonContent =
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "number"; readonly value: number }
  /** `text`: a string that is too long to read or is only located. */
  | { readonly kind: "null" | "object" | "array" | "text" };

export interface JsonSpan {
  /** Offset of the value's first byte. */
  readonly start: number;
  /** Offset after its last byte. */
  readonly end: number;
  /** True if the key is repeated; this is the last occurrence. */
  readonly isRepeated: boolean;
}

/** Longest string that is decoded. */
const maxStringBytes = 4_096;

/**
 * Finds top-level fields of a JSON object without building the rest.
 *
 * Accepts and refuses the same texts as a strict UTF-8 decoder with `JSON.parse`, and finds the same values: the last
 * of repeated keys, also if keys have escapes. There are two differences, so that a hostile body can't block the
 * process: it refuses more than 128 levels, and more values, escapes or white space than its work budget allows. As in
 * model servers, a byte order mark at the start is ignored and invalid UTF-8 is refused.
 */
export function scanJson(body: Uint8Array, keys: JsonKeys): JsonScan {
  const text = asBuffer(body);
  const scanned = new JsonText(text);
  const members = new JsonMembers(scanned);
  const found = new FoundFields(scanned, keys);
  while (members.next()) {
    const place = keys.find(text, members.keyStart, members.keyEnd);
    if (place >= 0) found.add(place, members.start, members.end);
  }
  if (members.fault !== undefined && members.fault.code !== "invalid_json_type")
    return members.fault;
  const offset = utf8FaultIn(text);
  if (offset >= 0) return { ok: false, code: "invalid_json", offset };
  return members.fault ?? { ok: true, fields: found };
}

/** Numbers per field: index of its key, start, end, and whether it is repeated. */
const span = 4;

/** Creates field objects on access, because only few fields of a scan are used. */
class FoundFields implements JsonFields {
  readonly #scanned: JsonText;
  readonly #text: Buffer;
  readonly #keys: JsonKeys;
  readonly #found: number[] = [];

  constructor(scanned: JsonText, keys: JsonKeys) {
    this.#scanned = scanned;
    this.#text = scanned.bytes;
    this.#keys = keys;
  }

  get longStrings(): readonly number[] | undefined {
    return this.#scanned.longStrings;
  }

  add(place: number, start: number, end: number): void {
    const found = this.#found;
    const at = this.#find(place);
    if (at < 0) {
      found.push(place, start, end, 0);
      return;
    }
    found[at + 1] = start;
    found[at + 2] = end;
    found[at + 3] = 1;
  }

  get(name: string): JsonField | undefined {
    const place = this.#keys.placeOf(name);
    const at = this.#find(place);
    if (at < 0) return undefined;
    const found = this.#found;
    return fieldAt(
      this.#text,
      found[at + 1] as number,
      found[at + 2] as number,
      found[at + 3] === 1,
      this.#keys.isRead[place] === true,
    );
  }

  #find(place: number): number {
    const found = this.#found;
    for (let at = 0; at < found.length; at += span) if (found[at] === place) return at;
    return -1;
  }
}

/**
 * True if `isGood` returns true for one field of every element of a list that a scan has located in the same body. The
 * field is undefined if the element lacks it or is not an object.
 */
export function everyElement(
  body: Uint8Array,
  list: JsonSpan,
  key: JsonKeys,
  isGood: (field: JsonField | undefined) => boolean,
): boolean {
  const bytes = asBuffer(body);
  const text = new JsonText(bytes);
  // The scan has checked the whole list, including its brackets.
  let at = skipSpace(bytes, list.start + 1, text);
  while (at >= 0 && at < list.end - 1) {
    let field: JsonField | undefined;
    if (bytes[at] === openBrace) {
      const members = new JsonMembers(text, at);
      let start = -1;
      let end = 0;
      let isRepeated = false;
      while (members.next()) {
        if (key.find(bytes, members.keyStart, members.keyEnd) !== 0) continue;
        isRepeated = start >= 0;
        ({ start, end } = members);
      }
      field = start < 0 ? undefined : fieldAt(bytes, start, end, isRepeated, true);
      if (members.fault !== undefined) return false;
      at = members.close;
    } else at = skipValue(text, at, 1);
    if (at < 0) return false;
    if (!isGood(field)) return false;
    at = skipSpace(bytes, at, text);
    if (bytes[at] === comma) at = skipSpace(bytes, at + 1, text);
  }
  return true;
}

const comma = 0x2c;
const openBrace = 0x7b;

/** Views the bytes as a Buffer; most bodies already are one. */
function asBuffer(body: Uint8Array): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

function fieldAt(
  text: Buffer,
  start: number,
  end: number,
  isRepeated: boolean,
  isRead: boolean,
): JsonField {
  switch (text[start]) {
    case 0x22:
      return isRead && end - start <= maxStringBytes
        ? { kind: "string", value: stringAt(text, start, end), start, end, isRepeated }
        : { kind: "text", start, end, isRepeated };
    case 0x7b:
      return { kind: "object", start, end, isRepeated };
    case 0x5b:
      return { kind: "array", start, end, isRepeated };
    case 0x74:
      return { kind: "boolean", value: true, start, end, isRepeated };
    case 0x66:
      return { kind: "boolean", value: false, start, end, isRepeated };
    case 0x6e:
      return { kind: "null", start, end, isRepeated };
    default:
      return { kind: "number", value: numberAt(text, start, end), start, end, isRepeated };
  }
}

/** Most numbers have a few digits and are parsed without creating a string. */
function numberAt(text: Buffer, start: number, end: number): number {
  if (end - start > 9) return Number(text.toString("latin1", start, end));
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (text[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return Number(text.toString("latin1", start, end));
    value = value * 10 + digit;
  }
  return value;
}

function stringAt(text: Buffer, start: number, end: number): string {
  const inner = text.toString("utf8", start + 1, end - 1);
  return inner.includes("\\") ? (JSON.parse(`"${inner}"`) as string) : inner;
}
