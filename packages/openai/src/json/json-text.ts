/**
 * A text that is being scanned. Scans go forward over its bytes and return where they have got to, or `fault(offset)`,
 * which is negative. They never read beyond its end: V8 reads slower ever after.
 */
export class JsonText {
  readonly bytes: Buffer;
  /** The bytes four at a time, but for those before the first whole word and behind the last. */
  readonly words: Int32Array;
  /** Where the first of `words` begins. */
  readonly firstWord: number;
  /** The first fault is a limit that is crossed, and none of syntax. */
  crossed: "json_too_deep" | "json_too_complex" | undefined = undefined;
  /** Below 0 where the text takes too long: `tooComplex` then says so. */
  workLeft: number = maxWork;
  /** Start and end of the first strings of `longStringBytes` or more; undefined where there are none. */
  longStrings: number[] | undefined = undefined;
  #nextQuote = -1;
  #nextBackslash = -1;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.firstWord = -bytes.byteOffset & 3;
    const count = isLittleEndian ? (bytes.length - this.firstWord) >> 2 : 0;
    this.words =
      count > 0
        ? new Int32Array(bytes.buffer, bytes.byteOffset + this.firstWord, count)
        : new Int32Array();
  }

  /** The first quote or backslash from `at` on, or the text's end. Looks at no byte twice over a scan. */
  nextMark(at: number): number {
    if (this.#nextQuote < at) this.#nextQuote = this.#find(0x22, at);
    if (this.#nextBackslash < at) this.#nextBackslash = this.#find(0x5c, at);
    return Math.min(this.#nextQuote, this.#nextBackslash);
  }

  /** The fault of a text that takes too long. */
  tooComplex(at: number): number {
    this.crossed = "json_too_complex";
    return fault(at);
  }

  /** Takes down where a long string is. What more than a body can reasonably have are passed over. */
  noteLongString(start: number, end: number): void {
    this.longStrings ??= [];
    if (this.longStrings.length < 2 * maxLongStrings) this.longStrings.push(start, end);
  }

  #find(byte: number, from: number): number {
    const at = this.bytes.indexOf(byte, from);
    return at < 0 ? this.bytes.length : at;
  }
}

/**
 * Work in one text: a scan holds up all other requests. As many values, members, escapes or white space as may come take
 * some 20 ms (`npm run bench:scan`).
 */
const maxWork = 1_200_000;
/** So there may be 400,000 values in lists. */
export const valueWork = 3;
export const memberWork = 8;
/** Of a member of the top level, whose key is looked up: there may be 10,000. */
export const topMemberWork = 120;

/** Images and sounds are longer; as text such a string is about a thousand tokens. */
export const longStringBytes = 4_096;
const maxLongStrings = 1_024;

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** What a scan returns that has met a fault. */
export function fault(offset: number): number {
  return -1 - offset;
}

export function faultOffset(returned: number): number {
  return -1 - returned;
}

export function skipSpace(bytes: Uint8Array, from: number, text: JsonText): number {
  // Mostly there is none.
  return from < bytes.length && (bytes[from] ?? 0) <= space ? endOfSpace(bytes, from, text) : from;
}

const space = 0x20;
/** More than indents a line. */
const shortSpace = 256;

/** Stops within white space that goes on beyond the work that is allowed: no value begins there. */
function endOfSpace(bytes: Uint8Array, from: number, text: JsonText): number {
  let at = from;
  do {
    const stop = Math.min(bytes.length, at + shortSpace);
    while (at < stop && isSpace[bytes[at] as number] === 1) at++;
    if (at < stop || at === bytes.length) {
      text.workLeft -= ((at - from) % shortSpace) >> 2;
      return at;
    }
    text.workLeft -= shortSpace / 4;
  } while (text.workLeft >= 0);
  text.tooComplex(at);
  return at;
}

/** By byte: 1 for those characters, 0 for the others. */
export function byteTable(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}

const isSpace = byteTable(" \n\r\t");
