/** What a scan finds: the wanted top-level fields, or where and why the text is refused. */
export type JsonScan =
  | { readonly ok: true; readonly fields: ReadonlyMap<string, JsonField> }
  | { readonly ok: false; readonly code: JsonScanErrorCode; readonly offset: number };

export type JsonScanErrorCode = "invalid_json" | "invalid_json_type" | "json_too_deep";

/** A scalar's value; of an object, an array or an overlong string only the kind. With its place in the text. */
export type JsonField = JsonSpan & JsonContent;

export type JsonContent =
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "null" | "object" | "array" | "long string" };

export interface JsonSpan {
  /** Offset of the value's first byte. */
  readonly start: number;
  /** Offset behind its last byte. */
  readonly end: number;
}

/** A top-level member of an object, in the order of the text; a key may stand more than once. */
export interface JsonMember extends JsonSpan {
  readonly key: string;
  /** Offset of the key's quote. */
  readonly keyStart: number;
}

const maxDepth = 128;
/** A longer string is none that is looked for: it is not decoded. */
const maxStringBytes = 4_096;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * Finds top-level fields of a JSON object without building the rest.
 *
 * `JSON.parse` of a hostile body (5 MB of `[`) stops the process for a second; this scan has a depth limit, no
 * recursion, and skips strings with `indexOf`. It checks structure, literals and numbers; escapes inside strings
 * are the model server's to judge. Of repeated keys the last wins, as in JSON parsers.
 */
export function scanJson(body: Uint8Array, wanted: ReadonlySet<string>): JsonScan {
  return new Scanner(Buffer.from(body.buffer, body.byteOffset, body.byteLength), wanted).run();
}

/** Every top-level member of a JSON object; undefined where the text is none. */
export function jsonMembers(body: Uint8Array): readonly JsonMember[] | undefined {
  const members: JsonMember[] = [];
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const scan = new Scanner(text, new Set(), members).run();
  return scan.ok ? members : undefined;
}

class Scanner {
  readonly #text: Buffer;
  readonly #wanted: ReadonlySet<string>;
  readonly #fields = new Map<string, JsonField>();
  readonly #members: JsonMember[] | undefined;
  #at = 0;
  /** Of the top-level member that is being read. */
  #keyStart = 0;
  #valueStart = 0;
  #topKey: string | undefined;

  constructor(text: Buffer, wanted: ReadonlySet<string>, members?: JsonMember[]) {
    this.#text = text;
    this.#wanted = wanted;
    this.#members = members;
  }

  run(): JsonScan {
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === undefined) return this.#refuse("invalid_json");
    const failure = this.#value(undefined) ?? this.#end();
    if (failure !== undefined) return failure;
    if (first !== openBrace) return { ok: false, code: "invalid_json_type", offset: 0 };
    return { ok: true, fields: this.#fields };
  }

  /** One value with all that is in it. `stack` holds for each open level whether it is an object. */
  #value(topKey: string | undefined): JsonScan | undefined {
    const stack: boolean[] = [];
    let key = topKey;
    for (;;) {
      const byte = this.#text[this.#at];
      let isOpened = false;
      if (byte === openBrace || byte === openBracket) {
        const isObject = byte === openBrace;
        if (stack.length === 1) this.#valueStart = this.#at;
        if (stack.length >= maxDepth) return this.#refuse("json_too_deep");
        this.#at++;
        this.#skipSpace();
        if (this.#text[this.#at] === (isObject ? closeBrace : closeBracket)) {
          this.#at++;
          if (stack.length === 1) this.#keep(key, { kind: isObject ? "object" : "array" });
        } else {
          if (stack.length === 1) this.#topKey = key;
          stack.push(isObject);
          isOpened = true;
        }
      } else {
        if (stack.length === 1) this.#valueStart = this.#at;
        const field = this.#scalar(stack.length === 1 && key !== undefined);
        if (field === undefined) return this.#refuse("invalid_json");
        if (stack.length === 1) this.#keep(key, field);
      }
      // Behind a value: close levels, or go on to the next value of the innermost one.
      while (!isOpened) {
        if (stack.length === 0) return undefined;
        this.#skipSpace();
        const isObject = stack[stack.length - 1];
        const next = this.#text[this.#at];
        if (next === comma) {
          this.#at++;
          this.#skipSpace();
          break;
        }
        if (next !== (isObject ? closeBrace : closeBracket)) return this.#refuse("invalid_json");
        this.#at++;
        stack.pop();
        if (stack.length === 1) this.#keep(this.#topKey, { kind: isObject ? "object" : "array" });
      }
      if (stack[stack.length - 1]) {
        const found = this.#key(stack.length === 1);
        if (found === undefined) return this.#refuse("invalid_json");
        key = found;
      } else {
        key = undefined;
      }
    }
  }

  /** Reads `"key" :`; the name is decoded only at the top level. */
  #key(isTop: boolean): string | undefined {
    if (this.#text[this.#at] !== quote) return undefined;
    const start = this.#at;
    if (isTop) this.#keyStart = start;
    if (!this.#skipString()) return undefined;
    const name = isTop ? this.#decode(start, this.#at) : undefined;
    this.#skipSpace();
    if (this.#text[this.#at] !== colon) return undefined;
    this.#at++;
    this.#skipSpace();
    return name ?? "";
  }

  /** The value has just ended. */
  #keep(key: string | undefined, content: JsonContent): void {
    if (key === undefined) return;
    const [start, end] = [this.#valueStart, this.#at];
    this.#members?.push({ key, keyStart: this.#keyStart, start, end });
    if (this.#wanted.has(key)) this.#fields.set(key, { ...content, start, end });
  }

  #scalar(isWanted: boolean): JsonContent | undefined {
    const start = this.#at;
    const byte = this.#text[start];
    if (byte === quote) {
      if (!this.#skipString()) return undefined;
      const value = isWanted ? this.#decode(start, this.#at) : undefined;
      return value === undefined ? { kind: "long string" } : { kind: "string", value };
    }
    // The longest literal or number worth reading; a longer number is left to the model server.
    while (isLiteralByte(this.#text[this.#at])) this.#at++;
    const literal = this.#text.toString(
      "latin1",
      start,
      Math.min(this.#at, start + maxStringBytes),
    );
    if (literal === "true" || literal === "false")
      return { kind: "boolean", value: literal === "true" };
    if (literal === "null") return { kind: "null" };
    return jsonNumber.test(literal) ? { kind: "number", value: Number(literal) } : undefined;
  }

  /** Leaves the position behind the closing quote. */
  #skipString(): boolean {
    let from = this.#at + 1;
    for (;;) {
      const end = this.#text.indexOf(quote, from);
      if (end < 0) {
        this.#at = this.#text.length;
        return false;
      }
      let escapes = end - 1;
      while (escapes >= from && this.#text[escapes] === backslash) escapes--;
      if ((end - 1 - escapes) % 2 === 0) {
        this.#at = end + 1;
        return true;
      }
      from = end + 1;
    }
  }

  #decode(start: number, end: number): string | undefined {
    if (end - start > maxStringBytes) return undefined;
    const text = this.#text.toString("utf8", start, end);
    if (!text.includes("\\")) return text.slice(1, -1);
    try {
      return JSON.parse(text) as string;
    } catch {
      // A bad escape: not a name that anything has.
      return undefined;
    }
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#text[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at++;
    }
  }

  #end(): JsonScan | undefined {
    this.#skipSpace();
    return this.#at < this.#text.length ? this.#refuse("invalid_json") : undefined;
  }

  #refuse(code: JsonScanErrorCode): JsonScan {
    return { ok: false, code, offset: this.#at };
  }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Letters, digits and what numbers are made of. */
function isLiteralByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x45
  );
}
