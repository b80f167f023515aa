import { codePointsOf } from "./normalized-text.ts";

/** How a text repeats itself at its end. Both in code points. */
export interface EndLoop {
  readonly period: number;
  /** Length of the end that has this period. */
  readonly span: number;
}

/** Length of the end of a text that is searched for a loop, in code points. */
export const tailChars = 512;
const maxPeriod = 128;
const minSpan = 120;
const minRepeats = 4;

/**
 * Finds the shortest period, at most 128, with which at least 120 code points and at least four periods repeat at the
 * end of a normalized text. Only the last 512 code points are searched. Undefined if there is none.
 */
export function endLoop(text: string): EndLoop | undefined {
  // A code point has at most two units.
  return endLoopOf(codePointsOf(text.slice(-2 * tailChars)).slice(-tailChars));
}

/** Like `endLoop`, for the last code points of a text, at most 512. */
export function endLoopOf(points: Uint32Array): EndLoop | undefined {
  const last = points.length - 1;
  for (let period = 1; period <= Math.min(maxPeriod, Math.floor(points.length / 2)); period++) {
    let span = period;
    while (span <= last && points[last - span] === points[last - span + period]) span++;
    if (span >= minSpan && span >= period * minRepeats) return { period, span };
  }
  return undefined;
}

/** Characters that each count as a word, because their scripts put no spaces between words. */
const single = "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}";
const wordPattern = new RegExp(`[${single}]|(?:(?![${single}])[\\p{L}\\p{M}\\p{N}])+`, "gu");

/** Of characters outside ASCII, since testing one is slow: 0 for unknown, else an index of `wordKinds` plus 1. */
const knownKinds = new Uint8Array(0x10000);
const wordKinds = ["none", "part", "whole"] as const;
const partPattern = /^[\p{L}\p{M}\p{N}]$/u;
const singlePattern = new RegExp(`^[${single}]$`, "u");

/** Whether a code point is a part of a word, a whole word, or neither. */
export function wordKindOf(point: number): (typeof wordKinds)[number] {
  if (point < 128) return isAsciiPart(point) ? "part" : "none";
  const known = knownKinds[point] ?? 0;
  if (known > 0) return wordKinds[known - 1] ?? "none";
  const character = String.fromCodePoint(point);
  const isWhole = singlePattern.test(character);
  const kind = isWhole ? "whole" : partPattern.test(character) ? "part" : "none";
  if (point < knownKinds.length) knownKinds[point] = 1 + wordKinds.indexOf(kind);
  return kind;
}

function isAsciiPart(point: number): boolean {
  const lower = point | 32;
  return (point >= 48 && point <= 57) || (lower >= 97 && lower <= 122);
}

/** Words of a normalized text in lower case: runs of letters, marks and digits. */
export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(wordPattern) ?? [];
}

/** seq-rep-4 of Welleck et al. (2020): share of four-word runs that repeat an earlier run, 0 to 1. */
export function repeatedShare(words: readonly string[]): number {
  const runs = words.length - 3;
  if (runs <= 0) return 0;
  const numbers = numbered(words);
  const pairs = numbered(numbers.slice(1).map((next, i) => (numbers[i] ?? 0) * maxNumber + next));
  const seen = new Set<number>();
  for (let i = 0; i < runs; i++) seen.add((pairs[i] ?? 0) * maxNumber + (pairs[i + 2] ?? 0));
  return 1 - seen.size / runs;
}

/** Larger than the number of words in any string; its square is still a safe integer. */
const maxNumber = 2 ** 26;

/** Gives each value a number; equal values get the same one. */
function numbered<Value>(values: readonly Value[]): readonly number[] {
  const known = new Map<Value, number>();
  return values.map((value) => {
    const number = known.get(value) ?? known.size;
    known.set(value, number);
    return number;
  });
}

const minWords = 50;
const maxRepeatedShare = 0.5;

/** True if a normalized text loops: its end repeats, or over half of its runs of four words do. */
export function isLoop(text: string, words: readonly string[] = wordsOf(text)): boolean {
  return endLoop(text) !== undefined || isRepeating(words.length, repeatedShare(words));
}

/** True if a text is long enough and over half of its four-word runs repeat earlier ones. */
export function isRepeating(words: number, share: number): boolean {
  return words >= minWords && share > maxRepeatedShare;
}
