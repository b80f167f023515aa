import { byteAt } from "./byte-at.ts";
import type { PageWork } from "./page-work.ts";

/** One sample of a metrics page. */
export interface Sample {
  readonly name: string;
  /** Decoded at the first access, while the page's bytes must be unchanged. */
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const maxLabels = 64;
/** Longest number on a page. */
const maxValueBytes = 64;

const space = 0x20;
const dot = 0x2e;
const comma = 0x2c;
const equals = 0x3d;
const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;

const noLabels: ReadonlyMap<string, string> = new Map();

/** The rest of a line after its name, and which labels are wanted. */
export interface LineRest {
  readonly name: string;
  readonly from: number;
  readonly end: number;
  /** Wanted labels; undefined for all. */
  readonly labels: readonly string[] | undefined;
}

/** Reads labels and value. Undefined if the line is malformed or the page's work limit is reached. */
export function readSample(bytes: Uint8Array, rest: LineRest, work: PageWork): Sample | undefined {
  const { name, end } = rest;
  work.left -= 3 + ((end - rest.from) >> 5);
  if (work.left < 0) return undefined;
  let at = skipBlanks(bytes, rest.from, end);
  let spans: LabelSpan[] | undefined;
  if (bytes[at] === openBrace) {
    spans = [];
    at = readLabels(bytes, { ...rest, from: at + 1 }, spans, work);
    if (at < 0) return undefined;
  }
  const value = valueAt(bytes, skipBlanks(bytes, at, end), end, work);
  if (value === undefined) return undefined;
  if (spans === undefined || spans.length === 0) return { name, labels: noLabels, value };
  const found = spans;
  let labels: ReadonlyMap<string, string> | undefined;
  return {
    name,
    value,
    get labels() {
      labels ??= decodeLabels(bytes, found, work);
      return labels;
    },
  };
}

interface LabelSpan {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly isEscaped: boolean;
}

/** Decodes the labels; empty if the work is used up. */
function decodeLabels(
  bytes: Uint8Array,
  spans: readonly LabelSpan[],
  work: PageWork,
): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const { name, start, end, isEscaped } of spans) {
    work.left -= 6 + ((end - start) >> (isEscaped ? 0 : 4));
    if (work.left < 0) return noLabels;
    const value = utf8.decode(bytes.subarray(start, end));
    labels.set(name, isEscaped ? value.replace(/\\(.)/g, unescapeCharacter) : value);
  }
  return labels;
}

/** Returns where the value starts; -1 if the labels are malformed. */
function readLabels(
  bytes: Uint8Array,
  { from, end, labels: wanted }: LineRest,
  labels: LabelSpan[],
  work: PageWork,
): number {
  let at = from;
  for (let count = 0; count <= maxLabels; count++) {
    while (at < end && (isBlank(bytes[at]) || bytes[at] === comma)) at++;
    if (at < end && bytes[at] === closeBrace) return at + 1;
    if (--work.left < 0) return -1;
    const nameStart = at;
    while (at < end && isNameByte[byteAt(bytes, at)] === 1) at++;
    const nameEnd = at;
    if (nameEnd === nameStart || isDigit(bytes[nameStart])) return -1;
    at = skipBlanks(bytes, at, end);
    if (at >= end || bytes[at] !== equals) return -1;
    at = skipBlanks(bytes, at + 1, end);
    if (at >= end || bytes[at] !== quote) return -1;
    const start = at + 1;
    let isEscaped = false;
    at = start;
    while (at < end && bytes[at] !== quote) {
      if (bytes[at] === backslash) {
        isEscaped = true;
        at++;
      }
      at++;
    }
    if (at >= end) return -1;
    const name = wantedAt(bytes, nameStart, nameEnd, wanted);
    if (name !== undefined) {
      work.left -= 2;
      labels.push({ name, start, end: at, isEscaped });
    }
    at = skipBlanks(bytes, at + 1, end);
    if (at >= end || (bytes[at] !== comma && bytes[at] !== closeBrace)) return -1;
  }
  return -1;
}

const utf8 = new TextDecoder();

function wantedAt(
  bytes: Uint8Array,
  from: number,
  to: number,
  wanted: readonly string[] | undefined,
): string | undefined {
  if (wanted === undefined) return utf8.decode(bytes.subarray(from, to));
  for (const name of wanted) if (isTextAt(bytes, from, to, name)) return name;
  return undefined;
}

/** True if the bytes from `from` to `to` equal the text, which must be ASCII. */
export function isTextAt(bytes: Uint8Array, from: number, to: number, text: string): boolean {
  if (text.length !== to - from) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[from + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

function unescapeCharacter(_whole: string, character: string): string {
  return character === "n" ? "\n" : character;
}

const words: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["+inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
]);

export function valueAt(
  bytes: Uint8Array,
  from: number,
  end: number,
  work: PageWork,
): number | undefined {
  let at = from;
  while (at < end && byteAt(bytes, at) > space) at++;
  if (at === from || at - from > maxValueBytes) return undefined;
  const plain = plainNumber(bytes, from, at);
  if (plain !== undefined) return plain;
  work.left -= 8;
  const token = utf8.decode(bytes.subarray(from, at));
  const value = Number(token);
  return Number.isNaN(value) ? words.get(token.toLowerCase()) : value;
}

/**
 * Parses digits with an optional point without creating a string. The number of digits is limited so that the quotient
 * is the nearest number.
 */
function plainNumber(bytes: Uint8Array, from: number, end: number): number | undefined {
  if (end - from > maxPlainBytes || !isDigit(bytes[end - 1])) return undefined;
  let digits = 0;
  let point = end - 1;
  for (let at = from; at < end; at++) {
    const byte = byteAt(bytes, at);
    if (isDigit(byte)) digits = digits * 10 + (byte - 0x30);
    else if (byte === dot && point === end - 1 && at > from) point = at;
    else return undefined;
  }
  return digits / 10 ** (end - 1 - point);
}

const maxPlainBytes = 15;

export function skipBlanks(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(bytes[at])) at++;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === 0x09 || byte === 0x0d;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Indexed by byte: 1 for letters, digits and `_`. */
const isNameByte = new Uint8Array(256);
for (const character of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") {
  isNameByte[character.charCodeAt(0)] = 1;
}
