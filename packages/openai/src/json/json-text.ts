/**
 * A text being scanned. Scans move forward and return their new offset, or `fault(offset)`, which is negative. They
 * never read beyond the end, because V8 then permanently uses slower code for such reads.
 */
export class JsonText {
  readonly bytes: Buffer;
  /** The bytes as 32-bit words, without those before the first and after the last whole word. */
  readonly words: Int32Array;
  /** Offset of the first word. */
  readonly firstWord: number;
  /** Set if the fault is an exceeded limit and not a syntax error. */
  crossed: "json_too_deep" | "json_too_complex" | undefined = undefined;
  /** Remaining work; below 0 the text takes too long, which `tooComplex` reports. */
  workLeft: number = maxWork;
  /** Start and end of the first strings of at least `longStringBytes`; undefined if there are none. */
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

  /** First quote or backslash from `at` on, or the end of the text. Reads each byte at most once per scan. */
  nextMark(at: number): number {
    if (this.#nextQuote < at) this.#nextQuote = this.#find(0x22, at);
    if (this.#nextBackslash < at) this.#nextBackslash = this.#find(0x5c, at);
    return Math.min(this.#nextQuote, this.#nextBackslash);
  }

  /** Counts work that is done up to `at`. Returns `at`, or a fault if the text takes too long. */
  spend(work: number, at: number): number {
    this.workLeft -= work;
    return this.workLeft < 0 ? this.tooComplex(at) : at;
  }

  /** Fault for a text that takes too long. */
  tooComplex(at: number): number {
    this.crossed = "json_too_complex";
    return fault(at);
  }

  /** Records a long string. Strings beyond a reasonable number are ignored. */
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
 * Work budget of one text, because a scan delays all other requests. The most values, members, escapes or white space
 * that it allows take about 20 ms (`npm run bench:scan`).
 */
const maxWork = 2_400_000;
/** Work of one value, which allows 400,000 values in lists. */
export const valueWork = 6;
export const memberWork = 16;
/** Work of one top-level member, whose key is looked up; allows 10,000 members. */
export const topMemberWork = 240;

/** Strings of this length may be images or sound; as text they are about a thousand tokens. */
export const longStringBytes = 4_096;
const maxLongStrings = 1_024;

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Return value of a scan that found a fault. */
export function fault(offset: number): number {
  return -1 - offset;
}

export function faultOffset(returned: number): number {
  return -1 - returned;
}

export function skipSpace(bytes: Uint8Array, from: number, text: JsonText): number {
  // Usually there is no white space.
  return from < bytes.length && (bytes[from] ?? 0) <= space ? endOfSpace(bytes, from, text) : from;
}

const space = 0x20;
/** Longer than the indentation of a line. */
const shortSpace = 256;

/** Stops inside white space that exceeds the work budget; no value starts there. */
function endOfSpace(bytes: Uint8Array, from: number, text: JsonText): number {
  let at = from;
  do {
    const stop = Math.min(bytes.length, at + shortSpace);
    while (at < stop && isSpace[bytes[at] as number] === 1) at++;
    if (at < stop || at === bytes.length) {
      text.workLeft -= ((at - from) % shortSpace) >> 1;
      return at;
    }
    text.workLeft -= shortSpace / 2;
  } while (text.workLeft >= 0);
  text.tooComplex(at);
  return at;
}

/** Creates a table indexed by byte: 1 for the given characters, 0 for others. */
export function byteTable(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}

const isSpace = byteTable(" \n\r\t");
