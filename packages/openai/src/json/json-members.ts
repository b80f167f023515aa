import { skipString } from "./json-string.ts";
import {
  fault,
  faultOffset,
  type JsonText,
  memberWork,
  skipSpace,
  topMemberWork,
} from "./json-text.ts";
import { skipColon, skipValue } from "./json-value.ts";

export type JsonScanErrorCode =
  | "invalid_json"
  | "invalid_json_type"
  | "json_too_deep"
  | "json_too_complex";

/** Position and reason of a refused text. */
export interface JsonFault {
  readonly ok: false;
  readonly code: JsonScanErrorCode;
  readonly offset: number;
}

const quote = 0x22;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Iterates over an object's members in text order. Each call of `next` finds and checks one. */
export class JsonMembers {
  readonly #text: JsonText;
  readonly #isWhole: boolean;
  readonly #memberWork: number;
  #at: number;
  #state: "before" | "within" | "over" = "before";
  #fault: JsonFault | undefined;
  /** Offsets of the member found by `next`: of the key with its quotes and of the value; ends are exclusive. */
  keyStart = 0;
  keyEnd = 0;
  start = 0;
  end = 0;
  /** Offset of the object's opening brace, and the offset after its closing brace. */
  open = 0;
  close = 0;

  /** The object is the whole text, or starts at `from`; then the text after it is ignored. */
  constructor(text: JsonText, from?: number) {
    this.#text = text;
    this.#isWhole = from === undefined;
    this.#memberWork = this.#isWhole ? topMemberWork : memberWork;
    this.#at = from ?? startOf(text.bytes);
  }

  /** Why iteration stopped; undefined at the regular end. */
  get fault(): JsonFault | undefined {
    return this.#fault;
  }

  /** Finds the next member. Returns false after the last one or if the text is refused. */
  next(): boolean {
    if (this.#state === "over") return false;
    const text = this.#text;
    const { bytes } = text;
    const isFirst = this.#state === "before";
    let at = skipSpace(bytes, this.#at, text);
    if (at >= bytes.length) return this.#refuse(fault(at));
    if (isFirst) {
      if (bytes[at] !== openBrace) return this.#noObject(at);
      this.open = at;
      this.#state = "within";
      at = skipSpace(bytes, at + 1, text);
      if (at >= bytes.length) return this.#refuse(fault(at));
    }
    if (bytes[at] === closeBrace) return this.#end(at + 1);
    if (!isFirst) {
      if (bytes[at] !== comma) return this.#refuse(fault(at));
      at = skipSpace(bytes, at + 1, text);
    }
    if (at >= bytes.length || bytes[at] !== quote) return this.#refuse(fault(at));
    text.workLeft -= this.#memberWork;
    const keyEnd = skipString(text, at);
    if (keyEnd < 0) return this.#refuse(keyEnd);
    const start = skipColon(bytes, keyEnd, text);
    if (start < 0) return this.#refuse(start);
    const end = skipValue(text, start, 1);
    if (end < 0) return this.#refuse(end);
    this.keyStart = at;
    this.keyEnd = keyEnd;
    this.start = start;
    this.end = end;
    this.#at = end;
    return true;
  }

  #end(end: number): false {
    const { bytes } = this.#text;
    this.#state = "over";
    this.close = end;
    if (!this.#isWhole) return false;
    const at = skipSpace(bytes, end, this.#text);
    return at < bytes.length ? this.#refuse(fault(at)) : false;
  }

  /** Distinguishes JSON of another type from text that is not JSON. */
  #noObject(start: number): false {
    const end = skipValue(this.#text, start, 0);
    if (end < 0) return this.#refuse(end);
    this.#end(end);
    this.#fault ??= { ok: false, code: "invalid_json_type", offset: 0 };
    return false;
  }

  #refuse(returned: number): false {
    this.#state = "over";
    const code = this.#text.crossed ?? "invalid_json";
    this.#fault = { ok: false, code, offset: faultOffset(returned) };
    return false;
  }
}

/** Start of the text, after a byte order mark, which model servers ignore. */
function startOf(bytes: Uint8Array): number {
  return bytes.length > 2 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
