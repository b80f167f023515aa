import { findPrivateData, lastWhole } from "./private-data.ts";
import { type Redacted, redact, redacted, type TextPart } from "./redact.ts";

/**
 * Formats a captured body for people and redacts it: removes JSON escapes from strings and joins the pieces of a
 * stream. Redacts after that, because events can split secrets anywhere and escapes can hide them. Of a body that was cut,
 * the ends that may be parts of secrets are left out.
 */
export function readableText(
  body: string,
  { isCut = false }: { readonly isCut?: boolean } = {},
): string {
  const events = eventsOf(body);
  if (events.length > 0) return JSON.stringify(joined(events, isCut), undefined, 1);
  const json = parse(body);
  if (json !== undefined) return JSON.stringify(redactedIn(json, 0));
  return redactedText(isCut ? wholePart(body) : body);
}

function wholePart(text: string): string {
  return text.slice(0, lastWhole(text));
}

/** Returns the data of server-sent events, without an event that is cut off at the end. */
function eventsOf(body: string): readonly unknown[] {
  if (!/^(?:data|event|id|retry|:)/m.test(body)) return [];
  return body
    .split(/\r?\n\r?\n|\r\r/)
    .map((event) =>
      event
        .split(/\r?\n|\r/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice("data:".length).trim())
        .join("\n"),
    )
    .flatMap((data) => (data === "" || data === "[DONE]" ? [] : (parse(data) ?? [])));
}

const mostPlaces = 256;
const mostLevels = 32;

/** Joins the texts of all events by their position in the event. A text that is always the same appears once. */
function joined(events: readonly unknown[], isCut: boolean): Readonly<Record<string, string>> {
  const texts = new Map<string, string[]>();
  const collect = (value: unknown, place: string, level: number) => {
    if (typeof value === "object" && value !== null) {
      if (level >= mostLevels) return;
      for (const [key, inner] of Object.entries(value)) {
        // With several choices or calls, each event has one, with its own index.
        const at = Array.isArray(value) ? (indexOf(inner) ?? key) : key;
        collect(inner, place === "" ? at : `${place}.${at}`, level + 1);
      }
    } else if (value !== null && value !== undefined) {
      const known = texts.get(place);
      if (known !== undefined) known.push(String(value));
      else if (texts.size < mostPlaces) texts.set(place, [String(value)]);
    }
  };
  for (const event of events) collect(event, "", 0);
  return Object.fromEntries(
    [...texts].map(([place, [first = "", ...more]]) => {
      const isSame = more.length > 0 && first.length > 1 && more.every((each) => each === first);
      const text = isSame ? first : first + more.join("");
      return [redactedText(place), redactedText(isCut && !isSame ? wholePart(text) : text)];
    }),
  );
}

function indexOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("index" in value)) return undefined;
  return typeof value.index === "number" ? String(value.index) : undefined;
}

function redactedIn(value: unknown, level: number): unknown {
  if (typeof value === "string") return redactedText(value);
  // A card number may be a JSON number.
  if (typeof value === "number") {
    const text = redact(String(value));
    return text === String(value) ? value : text;
  }
  if (typeof value !== "object" || value === null) return value;
  if (level >= mostLevels) return "[nested too deep]";
  if (Array.isArray(value)) return value.map((each) => redactedIn(each, level + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [redactedText(key), redactedIn(inner, level + 1)]),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function redactedText(text: string): string {
  return redactedPart(text).text;
}

/**
 * Redacts a text. Embedded JSON (such as a tool call's arguments) and truncated JSON have escapes that can hide
 * secrets. If escapes hide something, returns the text without them. With `partOf`, only a part of the text is returned,
 * by its length.
 */
export function redactedPart(
  text: string,
  partOf: (length: number) => TextPart = (to) => ({ from: 0, to }),
): Redacted {
  const plain = unescaped(text);
  const shown = plain !== text && findPrivateData(plain).length > 0 ? plain : text;
  return redacted(shown, partOf(shown.length));
}

const mostEscapings = 8;

/** A single pass over a run of backslashes; a pattern with three parts would retry at each backslash. */
const escapes = /\\+(?:u([0-9a-fA-F]{4})|([/"])|([nrtbf]))?/g;

/** Removes JSON escapes, even if they were escaped several times. */
function unescaped(text: string): string {
  let plain = text;
  for (let i = 0; i < mostEscapings && plain.includes("\\"); i++) {
    const next = plain.replaceAll(escapes, withoutEscape);
    if (next === plain) break;
    plain = next;
  }
  return plain;
}

function withoutEscape(run: string, hex?: string, sign?: string, blank?: string): string {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  return sign ?? (blank === undefined ? run : " ");
}
