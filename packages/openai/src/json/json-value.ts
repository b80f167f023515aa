import { maxNumberBytes, skipNumber } from "./json-number.ts";
import { skipString } from "./json-string.ts";
import {
  byteTable,
  fault,
  faultOffset,
  type JsonText,
  longStringBytes,
  memberWork,
  skipSpace,
  valueWork,
} from "./json-text.ts";

const maxDepth = 128;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const space = 0x20;
const zero = 0x30;
/** Longer integers take the long way. */
const maxDigits = 15;

/** Work of a member beyond that of its value. */
const keyWork = memberWork - valueWork;

/** Work after which it is counted, so that a long string has no more of the budget than is left. */
const mostUncounted = 4_096;

/** Closing byte of each level around the innermost one. Shared by all scans, because a scan is never suspended. */
const closers = new Uint8Array(maxDepth + 1);

/** Returns the offset after a value with everything in it, from its first byte. `depth` levels are open around it. */
export function skipValue(text: JsonText, start: number, depth: number): number {
  const { bytes } = text;
  const { length } = bytes;
  let at = start;
  let level = depth;
  /** Closing byte of the innermost level. */
  let closer = 0;
  let work = 0;
  for (;;) {
    if (closer === closeBrace) {
      work += keyWork;
      at = skipKey(text, at);
      if (at < 0) return at;
    }
    if (at >= length) return fault(at);
    work += valueWork;
    if (work > mostUncounted) {
      at = text.spend(work, at);
      if (at < 0) return at;
      work = 0;
    }
    const byte = bytes[at];
    if (byte === quote) {
      at = skipText(text, at);
      if (at < 0) return at;
    } else if (byte === openBrace || byte === openBracket) {
      if (level === maxDepth) {
        text.crossed = "json_too_deep";
        return fault(at);
      }
      closers[level++] = closer;
      closer = byte === openBrace ? closeBrace : closeBracket;
      at = skipSpace(bytes, at + 1, text);
      if (at >= length || bytes[at] !== closer) continue;
      closer = closers[--level] ?? 0;
      at++;
    } else {
      const from = closer === closeBracket ? skipIntegers(text, at) : at;
      if (from !== at) {
        at = from;
        continue;
      }
      at = skipScalar(bytes, at);
      if (at < 0) return numberFault(text, from, at);
      work += (at - from) >> 2;
    }
    // After a value: close levels, or continue with the next value of the innermost one.
    for (;;) {
      if (level === depth) return text.spend(work, at);
      at = skipSpace(bytes, at, text);
      if (at >= length) return fault(at);
      const next = bytes[at];
      if (next === comma) break;
      if (next !== closer) return fault(at);
      closer = closers[--level] ?? 0;
      at++;
    }
    at = skipSpace(bytes, at + 1, text);
  }
}

/** Skips a string that is a value, and notes a long one. */
function skipText(text: JsonText, start: number): number {
  const end = skipString(text, start);
  if (end - start >= longStringBytes) text.noteLongString(start, end);
  return end;
}

/**
 * Skips integers of a list that are followed by a comma, such as token ids. Returns the offset of the first value that
 * is not such an integer, or `start`.
 */
function skipIntegers(text: JsonText, start: number): number {
  const { bytes } = text;
  // Two bytes are read after the last digit.
  const last = bytes.length - 2;
  const most = Math.min(last, start + text.workLeft);
  let at = start;
  for (let end = at; end < most; end++) {
    const byte = bytes[end] as number;
    if (isDigit[byte] === 1) continue;
    const length = end - at;
    if (byte !== comma || length === 0 || length > maxDigits) break;
    if (bytes[at] === zero && length > 1) break;
    text.workLeft -= valueWork;
    if (bytes[end + 1] === space) end++;
    at = end + 1;
  }
  return at === start ? at : skipSpace(bytes, at, text);
}

/** Returns the offset of a key's value, from the key's opening quote. */
function skipKey(text: JsonText, start: number): number {
  const { bytes } = text;
  if (start >= bytes.length || bytes[start] !== quote) return fault(start);
  const end = skipString(text, start);
  return end < 0 ? end : skipColon(bytes, end, text);
}

/** Returns the offset of a key's value, from the end of the key. */
export function skipColon(bytes: Uint8Array, from: number, text: JsonText): number {
  const at = skipSpace(bytes, from, text);
  if (at >= bytes.length || bytes[at] !== colon) return fault(at);
  return skipSpace(bytes, at + 1, text);
}

/** A number that is too long is too much work, and may otherwise be good. */
function numberFault(text: JsonText, start: number, returned: number): number {
  return faultOffset(returned) - start === maxNumberBytes ? text.tooComplex(start) : returned;
}

function skipScalar(bytes: Uint8Array, at: number): number {
  switch (bytes[at]) {
    case 0x74:
      return skipWord(bytes, at, trueWord);
    case 0x66:
      return skipWord(bytes, at, falseWord);
    case 0x6e:
      return skipWord(bytes, at, nullWord);
    default:
      return skipNumber(bytes, at);
  }
}

const isDigit = byteTable("0123456789");
const trueWord = Buffer.from("true");
const falseWord = Buffer.from("false");
const nullWord = Buffer.from("null");

function skipWord(bytes: Uint8Array, start: number, word: Uint8Array): number {
  for (let i = 1; i < word.length; i++) {
    const at = start + i;
    if (at >= bytes.length || bytes[at] !== word[i]) return fault(at);
  }
  return start + word.length;
}
