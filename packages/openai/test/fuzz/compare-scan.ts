import {
  editJson,
  type JsonField,
  type JsonFields,
  jsonKeys,
  scanJson,
  setField,
} from "@umbra/openai/json";
import { jsonText, type Random } from "./json-texts.ts";

/** How many texts were taken, and how many refused for what. */
export interface FuzzCounts {
  objects: number;
  otherTypes: number;
  invalid: number;
  tooDeep: number;
  tooComplex: number;
  edited: number;
}

export function noCounts(): FuzzCounts {
  return { objects: 0, otherTypes: 0, invalid: 0, tooDeep: 0, tooComplex: 0, edited: 0 };
}

const keys = jsonKeys(["model", "stream", "max_tokens"], ["messages"]);

/**
 * Makes a text and holds the scan to what JSON.parse says of it. Returns what differs, with the text in base64;
 * undefined where nothing does.
 */
export function compareOne(random: Random, counts: FuzzCounts): string | undefined {
  const text = jsonText(random);
  const isEdited = random() < 0.1;
  let difference: string | undefined;
  try {
    difference = differenceOf(text, isEdited, counts);
  } catch (cause) {
    difference = `thrown: ${String(cause).slice(0, 100)}`;
  }
  return difference === undefined ? undefined : `${difference}: ${text.toString("base64")}`;
}

function differenceOf(text: Buffer, isEdited: boolean, counts: FuzzCounts): string | undefined {
  const scan = scanJson(text, keys);
  const parsed = parseStrictly(text);
  if (!scan.ok) {
    if (scan.offset < 0 || scan.offset > text.length) return `the offset ${scan.offset} is outside`;
    if (scan.code === "json_too_deep") {
      counts.tooDeep++;
      return levelsAt(text, scan.offset) === 129 ? undefined : "refused as too deep";
    }
    if (scan.code === "json_too_complex") {
      counts.tooComplex++;
      const digits = /^-?[\d.eE+-]*/.exec(text.toString("latin1", scan.offset))?.[0] ?? "";
      return digits.length >= 2_048 ? undefined : "refused as too complex";
    }
    if (scan.code === "invalid_json") {
      counts.invalid++;
      return parsed === undefined ? undefined : "refused";
    }
    counts.otherTypes++;
    return parsed !== undefined && !isObject(parsed.value) ? undefined : "refused for its type";
  }
  if (parsed === undefined || !isObject(parsed.value)) return "taken";
  counts.objects++;
  for (const [place, name] of keys.names.entries()) {
    const field = scan.fields.get(name);
    const want = Object.hasOwn(parsed.value, name) ? { value: parsed.value[name] } : undefined;
    const difference = fieldDifference(text, field, want, keys.isRead[place] === true);
    if (difference !== undefined) return `${name}: ${difference}`;
  }
  return isEdited ? editDifference(text, scan.fields, parsed.value, counts) : undefined;
}

function fieldDifference(
  text: Buffer,
  field: JsonField | undefined,
  want: { readonly value: unknown } | undefined,
  isRead: boolean,
): string | undefined {
  if (field === undefined || want === undefined) {
    return field === want ? undefined : `${field === undefined ? "not " : ""}found`;
  }
  const { value } = want;
  if (field.kind !== kindOf(value, field, isRead)) return `is no ${field.kind}`;
  if ("value" in field && !Object.is(field.value, value)) return "another value";
  const there = parse(text.toString("utf8", field.start, field.end));
  return JSON.stringify(there?.value) === JSON.stringify(value) ? undefined : "another place";
}

function kindOf(value: unknown, { start, end }: JsonField, isRead: boolean): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value !== "string") return typeof value;
  return isRead && end - start <= 4_096 ? "string" : "text";
}

/** With a new model, and without messages, the object is as if it were parsed and changed. */
function editDifference(
  text: Buffer,
  fields: JsonFields,
  from: object,
  counts: FuzzCounts,
): string | undefined {
  counts.edited++;
  const set = new Map([["model", { json: newModel }]]);
  const edited = editJson(text, { set, remove: new Set(["messages"]) });
  const { messages: _, ...without } = { ...from, model: newModel } as { messages?: unknown };
  if (!isTextOf(edited, without)) return "edited otherwise";
  const renamed = setField(text, fields, "model", newModel);
  if (!isTextOf(renamed, { ...from, model: newModel })) return "renamed otherwise";
  // No other model is in it, whichever of repeated keys a reader takes.
  const again = renamed === undefined ? undefined : editJson(renamed, { set, remove: noNames });
  return again?.length === renamed?.length ? undefined : "renamed in part";
}

const newModel = "new é";
const noNames: ReadonlySet<string> = new Set();

function isTextOf(text: Uint8Array | undefined, value: object): boolean {
  if (text === undefined) return false;
  return sorted(parseStrictly(Buffer.from(text))?.value) === sorted(value);
}

function sorted(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  return JSON.stringify(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** How many levels are open with the one that opens at `end`; strings are skipped. */
function levelsAt(text: Buffer, end: number): number {
  let levels = 0;
  let isString = false;
  for (let at = 0; at <= end; at++) {
    const byte = String.fromCharCode(text[at] ?? 0);
    if (isString) {
      if (byte === "\\") at++;
      else if (byte === '"') isString = false;
    } else if (byte === '"') isString = true;
    else if (byte === "{" || byte === "[") levels++;
    else if (byte === "}" || byte === "]") levels--;
  }
  return levels;
}

/** As model servers do: without a byte order mark, and undefined of what is no UTF-8. */
function parseStrictly(text: Buffer): { readonly value: unknown } | undefined {
  try {
    return parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    return undefined;
  }
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
