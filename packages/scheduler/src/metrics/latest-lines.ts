import { byteAt } from "./byte-at.ts";
import type { PageWork } from "./page-work.ts";
import { isTextAt, readSample, type Sample, skipBlanks, valueAt } from "./sample-line.ts";

/** Largest share of a page's work that these lines may use, 0 to 1: the load gauges may follow them. */
const workShare = 0.75;
/** Longest value and timestamp. */
const maxTailBytes = 96;
const maxLines = 1_000;
/** Relative error of `roughValue`. Lines that differ by less are all read exactly. */
const roughness = 1e-14;

const openBrace = 0x7b;
const closeBrace = 0x7d;
const dot = 0x2e;
const minus = 0x2d;
const plus = 0x2b;

/**
 * Collects the lines of a gauge of which only the largest value matters. A server may keep thousands of old label
 * combinations on the page: only their values are read, and labels only for the newest lines.
 */
export class LatestLines {
  readonly name: string;
  readonly #bytes: Uint8Array;
  readonly #work: PageWork;
  #left: number;
  #value = Number.NEGATIVE_INFINITY;
  #lines: { readonly from: number; readonly end: number }[] = [];

  constructor(name: string, bytes: Uint8Array, work: PageWork) {
    this.name = name;
    this.#bytes = bytes;
    this.#work = work;
    this.#left = work.left * workShare;
  }

  /** Returns where the gauge's name at the start of a line ends; -1 if the line is of another metric. */
  endOfName(start: number): number {
    const end = start + this.name.length;
    return this.#bytes[end] === openBrace && isTextAt(this.#bytes, start, end, this.name)
      ? end
      : -1;
  }

  /**
   * Adds a line of the gauge, from the end of its name. Ignores further lines once the lines have used their share of
   * the work.
   */
  add(from: number, end: number): void {
    if (this.#left < 0) return;
    const before = this.#work.left;
    this.#addLine(from, end);
    // Includes the cost of finding the line.
    this.#left -= before - this.#work.left + 1;
  }

  /** Returns the samples with the largest value, including those within rounding error. */
  samples(labels: readonly string[] | undefined): readonly Sample[] {
    return this.#lines.flatMap(
      ({ from, end }) =>
        readSample(this.#bytes, { name: this.name, from, end, labels }, this.#work) ?? [],
    );
  }

  #addLine(from: number, end: number): void {
    this.#work.left -= 2;
    const at = valueStart(this.#bytes, from, end);
    if (at < 0) return;
    const rough = roughValue(this.#bytes, at, end);
    const value = Number.isNaN(rough) ? valueAt(this.#bytes, at, end, this.#work) : rough;
    if (value === undefined || Number.isNaN(value)) return;
    const margin = Number.isFinite(this.#value) ? Math.abs(this.#value) * roughness : 0;
    if (value > this.#value + margin) {
      this.#value = value;
      this.#lines = [{ from, end }];
    } else if (value >= this.#value - margin && this.#lines.length < maxLines) {
      this.#lines.push({ from, end });
    }
  }
}

/** Returns -1 if the line is malformed. */
function valueStart(bytes: Uint8Array, from: number, end: number): number {
  const stop = Math.max(from, end - maxTailBytes);
  for (let at = end - 1; at >= stop; at--) {
    if (bytes[at] === closeBrace) return skipBlanks(bytes, at + 1, end);
  }
  const at = skipBlanks(bytes, from, Math.min(end, from + maxTailBytes));
  return bytes[at] === openBrace ? -1 : at;
}

/** Parses a number without creating a string. NaN if it is not written as digits, point and exponent. */
function roughValue(bytes: Uint8Array, from: number, end: number): number {
  let digits = 0;
  let point = -1;
  let at = from;
  for (; at < end; at++) {
    const byte = byteAt(bytes, at);
    if (byte === dot && point < 0) point = at;
    else if (byte < 0x30 || byte > 0x39) break;
    else digits = digits * 10 + (byte - 0x30);
  }
  if (at === from || at - from > maxTailBytes) return Number.NaN;
  const shift = point < 0 ? 0 : at - 1 - point;
  if (at === end || byteAt(bytes, at) <= 0x20) return digits / 10 ** shift;
  if (byteAt(bytes, at) !== 0x65) return Number.NaN;
  const sign = byteAt(bytes, at + 1);
  if (sign === minus || sign === plus) at++;
  let exponent = 0;
  for (at++; at < end && byteAt(bytes, at) > 0x20; at++) {
    exponent = exponent * 10 + (byteAt(bytes, at) - 0x30);
  }
  return digits * 10 ** ((sign === minus ? -exponent : exponent) - shift);
}
