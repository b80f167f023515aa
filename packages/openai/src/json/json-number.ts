import { byteTable, fault } from "./json-text.ts";

const minus = 0x2d;
const plus = 0x2b;
const dot = 0x2e;
const zero = 0x30;
const letterE = 0x65;

/** Longest number in bytes; no common notation of a double is longer. A longer number is a fault. */
export const maxNumberBytes = 2_048;

/** Returns the offset after a number, from its first byte. */
export function skipNumber(bytes: Uint8Array, start: number): number {
  const length = Math.min(bytes.length, start + maxNumberBytes);
  let at = start;
  if (at < length && bytes[at] === minus) at++;
  const first = at;
  while (at < length && isDigit[bytes[at] ?? 0] === 1) at++;
  if (at === first) return fault(at);
  // No digit may follow a leading zero.
  if (bytes[first] === zero) at = first + 1;
  // Most numbers are integers.
  if (at < length && isMore[bytes[at] ?? 0] === 1) at = skipFraction(bytes, at, length);
  return at === length && length < bytes.length ? fault(at) : at;
}

function skipFraction(bytes: Uint8Array, start: number, length: number): number {
  let at = start;
  if (bytes[at] === dot) {
    at = endOfDigits(bytes, start + 1, length);
    if (at === start + 1) return fault(at);
  }
  if (at >= length || ((bytes[at] ?? 0) | 0x20) !== letterE) return at;
  const sign = at + 1 < length ? bytes[at + 1] : undefined;
  const exponent = sign === plus || sign === minus ? at + 2 : at + 1;
  at = endOfDigits(bytes, exponent, length);
  return at === exponent ? fault(at) : at;
}

function endOfDigits(bytes: Uint8Array, start: number, length: number): number {
  let at = start;
  while (at < length && isDigit[bytes[at] ?? 0] === 1) at++;
  return at;
}

const isDigit = byteTable("0123456789");
const isMore = byteTable(".eE");
