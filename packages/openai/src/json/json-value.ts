import { maxNumberBytes, skipNumber } from "./json-number.ts";
import { skipString } from "./json-string.ts";
import {
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
  for (;;) {
    if (at >= length) return fault(at);
    text.workLeft -= closer === closeBrace ? memberWork : valueWork;
    if (text.workLeft < 0) return text.tooComplex(at);
    const byte = bytes[at];
    if (byte === quote) {
      const from = at;
      at = skipString(text, at);
      if (at < 0) return at;
      if (at - from >= longStringBytes) text.noteLongString(from, at);
    } else if (byte === openBrace || byte === openBracket) {
      if (level === maxDepth) {
        text.crossed = "json_too_deep";
        return fault(at);
      }
      closers[level++] = closer;
      closer = byte === openBrace ? closeBrace : closeBracket;
      at = skipSpace(bytes, at + 1, text);
      if (at >= length || bytes[at] !== closer) {
        if (closer === closeBrace) {
          at = skipKey(text, at);
          if (at < 0) return at;
        }
        continue;
      }
      closer = closers[--level] ?? 0;
      at++;
    } else {
      const from = at;
      at = skipScalar(bytes, at);
      if (at < 0) {
        return faultOffset(at) - from === maxNumberBytes ? text.tooComplex(from) : at;
      }
      text.workLeft -= (at - from) >> 3;
    }
    // After a value: close levels, or continue with the next value of the innermost one.
    for (;;) {
      if (level === depth) return at;
      at = skipSpace(bytes, at, text);
      if (at >= length) return fault(at);
      const next = bytes[at];
      if (next === comma) break;
      if (next !== closer) return fault(at);
      closer = closers[--level] ?? 0;
      at++;
    }
    at = skipSpace(bytes, at + 1, text);
    if (closer === closeBrace) {
      at = skipKey(text, at);
      if (at < 0) return at;
    }
  }
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
