import { editJson, type JsonField, jsonKeys, scanJson } from "@umbra/sidecar";
import { jsonText, type Random } from "./json-texts.ts";

/** How many texts were taken, and how many refused for what. */
export interface FuzzCounts {
  objects: number;
  otherTypes: number;
  invalid: number;
  tooDeep: number;
  edited: number;
}

export function noCounts(): FuzzCounts {
  return { objects: 0, otherTypes: 0, invalid: 0, tooDeep: 0, edited: 0 };
}

const keys = jsonKeys(["model", "stream", "max_tokens"], ["messages"]);

/**
 * Makes a text and holds the scan to what JSON.parse says of it. Returns what differs, with the text in base64;
 * undefined where nothing does.
 */
export function compareOne(random: Random, counts: FuzzCounts): string | undefined {
  const text = jsonText(random);
  const difference = differenceOf(text, random() < 0.1, counts);
  return difference === undefined ? undefined : `${difference}: ${text.toString("base64")}`;
}

function differenceOf(text: Buffer, isEdited: boolean, counts: FuzzCounts): string | undefined {
  const scan = scanJson(text, keys);
  const parsed = parse(text.toString());
  if (!scan.ok) {
    if (scan.offset < 0 || scan.offset > text.length) return `the offset ${scan.offset} is outside`;
    if (scan.code === "json_too_deep") {
      counts.tooDeep++;
      return levelsAt(text, scan.offset) === 129 ? undefined : "refused as too deep";
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
  return isEdited ? editDifference(text, parsed.value, counts) : undefined;
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

/** A new model and no messages: the object is as if parsed and changed. */
function editDifference(text: Buffer, from: object, counts: FuzzCounts): string | undefined {
  counts.edited++;
  const set = new Map([["model", { json: "new é" }]]);
  const edited = editJson(text, { set, remove: new Set(["messages"]) });
  const found = edited === undefined ? undefined : parse(Buffer.from(edited).toString())?.value;
  const { messages: _, ...want } = { ...from, model: "new é" } as { messages?: unknown };
  return sorted(found) === sorted(want) ? undefined : "edited otherwise";
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
