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
  /** The first fault is a level too many, and not one of syntax. */
  isTooDeep = false;
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

export function skipSpace(bytes: Uint8Array, from: number): number {
  // Mostly there is none.
  return from < bytes.length && (bytes[from] ?? 0) <= space ? endOfSpace(bytes, from) : from;
}

const space = 0x20;

function endOfSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte !== space && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    at++;
  }
  return at;
}

/** By byte: 1 for those characters, 0 for the others. */
export function byteTable(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}
