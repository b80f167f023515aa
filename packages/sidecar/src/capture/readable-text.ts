import { redact } from "./redact.ts";

/**
 * A captured body as people read it, redacted: strings of JSON without their escapes, and the pieces of a stream put
 * together. What must be taken out may be cut anywhere by events and hidden by escapes, so it is looked for only then.
 */
export function readableText(body: string): string {
  const events = eventsOf(body);
  if (events.length > 0) return JSON.stringify(joined(events), undefined, 1);
  const json = parse(body);
  return json === undefined ? redactedText(body) : JSON.stringify(redactedIn(json, 0));
}

/** The data of server-sent events; what the end of the text cuts off is left out. */
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

/** By where each text is in its event, the texts of all events one behind the other; one that is always the same once. */
function joined(events: readonly unknown[]): Readonly<Record<string, string>> {
  const texts = new Map<string, string[]>();
  const collect = (value: unknown, place: string, level: number) => {
    if (typeof value === "object" && value !== null) {
      if (level >= mostLevels) return;
      for (const [key, inner] of Object.entries(value)) {
        // Of several choices or calls each event brings one, which says its own number.
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
      const isSame = more.every((each) => each === first) && first.length > 1;
      return [redactedText(place), redactedText(isSame ? first : first + more.join(""))];
    }),
  );
}

function indexOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("index" in value)) return undefined;
  return typeof value.index === "number" ? String(value.index) : undefined;
}

function redactedIn(value: unknown, level: number): unknown {
  if (typeof value === "string") return redactedText(value);
  // A card's number may come as a number.
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

/**
 * A text without its secrets. JSON within a string, as a tool call's arguments are, and JSON that is cut short have
 * escapes that would hide them: where something is hidden, the text is shown without escapes.
 */
function redactedText(text: string): string {
  const plain = unescaped(text);
  const redacted = redact(plain);
  return redacted === plain ? redact(text) : redacted;
}

const mostEscapings = 8;

/** Of a run of backslashes one pass finds what is behind it: three would try each start of the run again. */
const escapes = /\\+(?:u([0-9a-fA-F]{4})|([/"])|([nrtbf]))?/g;

/** Without the escapes of JSON, however often they were escaped themselves. */
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
