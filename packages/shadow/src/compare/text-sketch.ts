import { createHmac, type Hmac } from "node:crypto";
import { BottomHashes } from "./bottom-hashes.ts";
import { isRefusal, refusalChars } from "./refusal.ts";
import { endLoopOf, isRepeating, tailChars } from "./repetition.ts";
import { type Script, ScriptLetters } from "./script.ts";
import type { TextSink } from "./streamed-text.ts";
import { WordRuns } from "./word-runs.ts";

/** Number of hashed character runs that are kept of each text. */
export const sketchSize = 64;
/** Length of a run, in characters. */
const runChars = 5;
/** Code points after which the start of a text is hashed: 16, 32, and so on. */
const prefixMarks: readonly number[] = Array.from({ length: 13 }, (_, i) => 16 * 2 ** i);
const hashesPerMark = 2;

export interface TextSketchOptions {
  /** Key of the hashes. */
  readonly key: Uint8Array;
  readonly refusalPhrases: readonly string[];
  /** Whether to keep hashes of character runs, which similarity needs. */
  readonly hasSimilarity: boolean;
}

/** A summary of a text without the text. */
export interface SketchedText {
  /** Code points. */
  readonly chars: number;
  /** Keyed hash of all of it. */
  readonly digest: string;
  /** The smallest hashes of its runs of five characters, in ascending order; undefined if not asked for. */
  readonly runs: Uint32Array | undefined;
  /** Hashes of its first 16, 32, 64 and so on code points, as far as it has as many: two numbers each. */
  readonly prefixes: Uint32Array;
  /** Whether it starts like a refusal. */
  readonly isRefused: boolean;
  readonly isLoop: boolean;
  readonly rep4: number;
  readonly script: Script | null;
}

/** Sketches a normalized text as it streams. Holds only the first 200 and the last 512 characters of the text. */
export class TextSketch implements TextSink {
  readonly #options: TextSketchOptions;
  readonly #keys: Uint32Array;
  #state: State;

  constructor(options: TextSketchOptions) {
    this.#options = options;
    this.#keys = wordsOfKey(options.key);
    this.#state = this.#begin();
  }

  /** Estimated memory, in bytes. */
  get heldBytes(): number {
    const { head, tail, runs, words } = this.#state;
    return 2 * head.length + tail.byteLength + runs.heldBytes + words.heldBytes + fixedBytes;
  }

  add(piece: string): void {
    const state = this.#state;
    state.digest.update(piece);
    for (let i = 0; i < piece.length; ) {
      const point = piece.codePointAt(i) ?? 0;
      i += point > 0xffff ? 2 : 1;
      this.#addPoint(state, point);
    }
    if (state.isRefused !== undefined) return;
    // A code point has at most two units.
    state.head += piece.slice(0, 2 * refusalChars);
    if (state.chars >= refusalChars) this.#decideRefusal();
  }

  reset(): void {
    this.#state = this.#begin();
  }

  /** The text has ended. */
  finish(): SketchedText {
    const state = this.#state;
    if (state.isRefused === undefined) this.#decideRefusal();
    if (state.runLength < runChars) this.#addRun(state, state.runLength);
    const { chars, tail, words, letters } = state;
    const rep4 = words.repeatedShare();
    const isLoop = endLoopOf(lastOf(tail, chars)) !== undefined || isRepeating(words.count, rep4);
    return {
      ...{ chars, rep4, isLoop, digest: state.digest.digest("base64") },
      runs: this.#options.hasSimilarity ? state.runs.hashes.slice() : undefined,
      prefixes: state.prefixes.slice(0, hashesPerMark * state.marks),
      ...{ isRefused: state.isRefused === true, script: letters.script() },
    };
  }

  #begin(): State {
    const [first = 0, second = 0] = this.#keys;
    return {
      digest: createHmac("sha256", this.#options.key),
      ...{ chars: 0, marks: 0, head: "", isRefused: undefined, isInSpace: false },
      tail: new Uint32Array(leastTail),
      recent: new Uint32Array(runChars),
      runLength: 0,
      runs: new BottomHashes(sketchSize),
      prefix: Uint32Array.of(first, second),
      prefixes: new Uint32Array(hashesPerMark * prefixMarks.length),
      ...{ words: new WordRuns(), letters: new ScriptLetters() },
    };
  }

  #addPoint(state: State, point: number): void {
    if (state.chars >= state.tail.length && state.tail.length < tailChars) growTail(state);
    state.tail[state.chars % state.tail.length] = point;
    state.chars++;
    state.words.add(point);
    state.letters.add(point);
    const [first = 0, second = 0] = state.prefix;
    state.prefix[0] = Math.imul(first ^ point, 0x9e3779b1) + (first >>> 15);
    state.prefix[1] = Math.imul(second ^ point, 0x85ebca77) + (second >>> 13);
    if (state.chars === prefixMarks[state.marks]) {
      state.prefixes.set(state.prefix, hashesPerMark * state.marks);
      state.marks++;
    }
    if (this.#options.hasSimilarity) this.#addToRun(state, point);
  }

  /** White space of any length is one space. */
  #addToRun(state: State, point: number): void {
    const isSpace =
      point <= 32 || point >= 128 ? spacePattern.test(String.fromCodePoint(point)) : false;
    if (isSpace && state.isInSpace) return;
    state.isInSpace = isSpace;
    state.recent[state.runLength % runChars] = isSpace ? 32 : point;
    state.runLength++;
    if (state.runLength >= runChars) this.#addRun(state, runChars);
  }

  #addRun({ recent, runLength, runs }: State, length: number): void {
    if (!this.#options.hasSimilarity || length === 0) return;
    const [, , seed = 0] = this.#keys;
    let hash = 0x811c9dc5 ^ seed;
    for (let i = runLength - length; i < runLength; i++) {
      hash = hashOfPoint(hash, recent[i % runChars] ?? 0);
    }
    runs.add(mixed(hash));
  }

  #decideRefusal(): void {
    const state = this.#state;
    const { refusalPhrases: phrases } = this.#options;
    state.isRefused = isRefusal({ text: state.head, phrases });
    state.head = "";
  }
}

interface State {
  readonly digest: Hmac;
  chars: number;
  /** Number of `prefixMarks` that were reached. */
  marks: number;
  /** The start, until it is known whether it is a refusal. */
  head: string;
  isRefused: boolean | undefined;
  /** The last code points, at their number modulo its length. */
  tail: Uint32Array;
  /** The last characters of the text with its white space as one space each. */
  readonly recent: Uint32Array;
  runLength: number;
  isInSpace: boolean;
  readonly runs: BottomHashes;
  readonly prefix: Uint32Array;
  readonly prefixes: Uint32Array;
  readonly words: WordRuns;
  readonly letters: ScriptLetters;
}

/** Largest mark up to which two texts are the same, in code points; 0 if they differ before the first. */
export function commonMarks(first: Uint32Array, second: Uint32Array): number {
  const marks = Math.min(first.length, second.length) / hashesPerMark;
  let same = 0;
  while (same < marks && isSameAt(first, second, same)) same++;
  return prefixMarks[same - 1] ?? 0;
}

function isSameAt(first: Uint32Array, second: Uint32Array, mark: number): boolean {
  const at = hashesPerMark * mark;
  return first[at] === second[at] && first[at + 1] === second[at + 1];
}

/** Of the small fields. */
const fixedBytes = 512;
const leastTail = 64;
const spacePattern = /^\s$/u;

function wordsOfKey(key: Uint8Array): Uint32Array {
  const words = new Uint32Array(3);
  new Uint8Array(words.buffer).set(key.subarray(0, words.byteLength));
  return words;
}

/** It is full but has not wrapped around. */
function growTail(state: State): void {
  const grown = new Uint32Array(2 * state.tail.length);
  grown.set(state.tail);
  state.tail = grown;
}

/** The last code points in their order. */
function lastOf(tail: Uint32Array, chars: number): Uint32Array {
  if (chars <= tail.length) return tail.slice(0, chars);
  const start = chars % tail.length;
  const ordered = new Uint32Array(tail.length);
  ordered.set(tail.subarray(start));
  ordered.set(tail.subarray(0, start), tail.length - start);
  return ordered;
}

const fnvPrime = 0x01000193;

/** FNV-1a of the UTF-8 of a code point. */
function hashOfPoint(hash: number, point: number): number {
  if (point < 0x80) return withByte(hash, point);
  if (point < 0x800) return withRest(withByte(hash, 0xc0 | (point >> 6)), point);
  const isLong = point > 0xffff;
  const begun = isLong
    ? withRest(withByte(hash, 0xf0 | (point >> 18)), point >> 12)
    : withByte(hash, 0xe0 | (point >> 12));
  return withRest(withRest(begun, point >> 6), point);
}

function withByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, fnvPrime);
}

/** Adds a UTF-8 continuation byte to the hash. */
function withRest(hash: number, bits: number): number {
  return withByte(hash, 0x80 | (bits & 0x3f));
}

/** The mixing steps of MurmurHash3. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
