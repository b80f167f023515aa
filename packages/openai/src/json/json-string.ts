import { byteTable, fault, type JsonText } from "./json-text.ts";

const quote = 0x22;
const backslash = 0x5c;
const letterU = 0x75;
/** Length of a run of plain words after which more plain text is likely. */
const longRun = 64;
/** Escapes that are counted together. A power of two. */
const groupSize = 8;
/** A group in less text has so many escapes that checking each byte is faster than checking words. */
const groupBytes = 52;
/** Length of plain text after which checking words is faster again. */
const pieceBytes = 16;
/** Length of text with escapes after which its work is counted. */
const longEscapes = 4_096;

/**
 * Returns the offset after a string, from its opening quote. Refuses control characters and unknown escapes, like JSON.
 */
export function skipString(text: JsonText, start: number): number {
  const { bytes, words, firstWord } = text;
  const count = words.length;
  let at = start + 1;
  if (at < firstWord) return skipBytes(bytes, at);
  const tail = firstWord + count * 4;
  while (at < tail) {
    let word = (at - firstWord) >> 2;
    // Ignores the bytes of the word before `at`.
    let marks = marksOf(words[word] ?? 0) & (-1 << (((at - firstWord) & 3) << 3));
    const stop = Math.min(word + longRun, count);
    while (marks === 0 && ++word < stop) marks = marksOf(words[word] ?? 0);
    if (marks === 0) {
      at = firstWord + skipProse(text, word) * 4;
      continue;
    }
    at = firstWord + word * 4 + ((31 - Math.clz32(marks & -marks)) >> 3);
    return bytes[at] === quote ? at + 1 : skipRest(text, at, tail);
  }
  return skipBytes(bytes, at);
}

/**
 * Returns the offset after a string, from its first escape. A function of its own, because the counts would slow down
 * the many strings without escapes.
 */
function skipRest(text: JsonText, from: number, tail: number): number {
  const { bytes, words, firstWord } = text;
  const count = words.length;
  let at = from;
  /** Where the present group of escapes started. */
  let group = from;
  let isDense = false;
  let escapes = 0;
  while (at < tail) {
    let word = (at - firstWord) >> 2;
    let marks = marksOf(words[word] ?? 0) & (-1 << (((at - firstWord) & 3) << 3));
    const stop = Math.min(word + longRun, count);
    while (marks === 0 && ++word < stop) marks = marksOf(words[word] ?? 0);
    if (marks === 0) {
      at = firstWord + skipProse(text, word) * 4;
      continue;
    }
    at = firstWord + word * 4 + ((31 - Math.clz32(marks & -marks)) >> 3);
    const byte = bytes[at];
    if (byte === quote) {
      text.workLeft -= escapes & (groupSize - 1);
      return at + 1;
    }
    if (byte !== backslash) return fault(at);
    if (isDense) {
      const found = at;
      at = skipEscapes(bytes, found, tail);
      if (at < 0) return at;
      isDense = at - found > groupBytes;
      text.workLeft -= 2 + ((at - found) >> 3);
    } else {
      do
        at =
          at < tail - 1 && isEscape[bytes[at + 1] as number] === 1 ? at + 2 : skipEscape(bytes, at);
      while (
        (++escapes & (groupSize - 1)) !== 0 &&
        at >= 0 &&
        at < tail &&
        bytes[at] === backslash
      );
      if (at < 0) return at;
      if ((escapes & (groupSize - 1)) !== 0) continue;
      isDense = at - group < groupBytes;
      text.workLeft -= groupSize;
    }
    if (text.workLeft < 0) return text.tooComplex(group);
    group = at;
  }
  text.workLeft -= escapes & (groupSize - 1);
  return skipBytes(bytes, at);
}

/**
 * Skips text with many escapes, such as JSON in a string. Stops at a byte that ends the string or where escapes become
 * rare. Finding each escape by words would be slower.
 */
function skipEscapes(bytes: Uint8Array, from: number, tail: number): number {
  // Offset at which the work is counted. Two bytes are read at a time, so it ends one before the tail.
  const most = Math.min(tail - 1, from + longEscapes);
  let at = skipEscape(bytes, from);
  let last = at;
  while (at >= 0 && at < most && at - last < pieceBytes) {
    const byte = bytes[at] as number;
    if (isPlain[byte] === 1) at++;
    else if (byte !== backslash) break;
    else {
      do at = isEscape[bytes[at + 1] as number] === 1 ? at + 2 : skipEscape(bytes, at);
      while (at >= 0 && at < most && bytes[at] === backslash);
      last = at;
    }
  }
  return at;
}

/** Checks byte by byte, for the text before the first word or after the last. */
function skipBytes(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) return at + 1;
    if (byte === backslash) {
      at = skipEscape(bytes, at);
      if (at < 0) return at;
    } else if (byte < 0x20) return fault(at);
    else at++;
  }
  return fault(at);
}

/**
 * Sets the high bit of each byte in a word that is a quote, a backslash or a control character. No sum carries into the
 * next byte.
 */
function marksOf(word: number): number {
  const low = word & 0x7f7f7f7f;
  const noControl = (low + 0x60606060) | 0;
  const noQuote = ((low ^ 0x22222222) + 0x7f7f7f7f) | 0;
  const noBackslash = ((low ^ 0x5c5c5c5c) + 0x7f7f7f7f) | 0;
  return ~((noControl & noQuote & noBackslash) | word) & 0x80808080;
}

/** Skips long prose. Returns the start of the word that contains the next quote, backslash or control character. */
function skipProse(text: JsonText, from: number): number {
  const { words, firstWord } = text;
  const end = (text.nextMark(firstWord + from * 4) - firstWord) >> 2;
  let word = from;
  while (word + 3 < end) {
    const four =
      controlsOf(words[word] ?? 0) |
      controlsOf(words[word + 1] ?? 0) |
      controlsOf(words[word + 2] ?? 0) |
      controlsOf(words[word + 3] ?? 0);
    if ((four & 0x80808080) !== 0) break;
    word += 4;
  }
  return word;
}

/** Has a high bit set if the word contains a control character. */
function controlsOf(word: number): number {
  return ((word - 0x20202020) | 0) & ~word;
}

/** Returns the offset after an escape, from its backslash. */
function skipEscape(bytes: Uint8Array, at: number): number {
  if (at + 1 >= bytes.length) return fault(bytes.length);
  const kind = bytes[at + 1] ?? 0;
  if (kind !== letterU) return isEscape[kind] === 1 ? at + 2 : fault(at + 1);
  const digits = at + 2;
  if (digits + 4 > bytes.length) return fault(bytes.length);
  const isGood =
    (isHexDigit[bytes[digits] ?? 0] ?? 0) &
    (isHexDigit[bytes[digits + 1] ?? 0] ?? 0) &
    (isHexDigit[bytes[digits + 2] ?? 0] ?? 0) &
    (isHexDigit[bytes[digits + 3] ?? 0] ?? 0);
  return isGood === 1 ? digits + 4 : fault(digits);
}

const isEscape = byteTable('"\\/bfnrt');
/** 1 for bytes without special meaning in a string. */
const isPlain = new Uint8Array(256).fill(1, 0x20);
isPlain[quote] = 0;
isPlain[backslash] = 0;
const isHexDigit = byteTable("0123456789abcdefABCDEF");
