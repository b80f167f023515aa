import { BottomHashes } from "./bottom-hashes.ts";
import { wordKindOf } from "./repetition.ts";

/** Number of hashed word runs that are kept. Larger numbers are estimated, with a standard error of 3 %. */
const keptRuns = 1_024;
const runWords = 4;

/** Counts the four-word runs of a streamed text that repeat an earlier run. Keeps hashes instead of words. */
export class WordRuns {
  /** Words so far. */
  count = 0;
  #hash = 0;
  #isInWord = false;
  /** Hashes of the last words, at their number modulo 4. */
  readonly #recent = new Uint32Array(runWords);
  readonly #runs = new BottomHashes(keptRuns);

  get heldBytes(): number {
    return this.#runs.heldBytes;
  }

  /** Adds a code point of the text. */
  add(point: number): void {
    const kind = wordKindOf(point);
    if (kind === "part") {
      this.#hash = mixed(this.#isInWord ? this.#hash : 0, lowerOf(point));
      this.#isInWord = true;
      return;
    }
    this.#endWord();
    if (kind === "whole") this.#addWord(mixed(1, point));
  }

  /** Like `repeatedShare`, 0 to 1. */
  repeatedShare(): number {
    this.#endWord();
    const runs = this.count - runWords + 1;
    return runs <= 0 ? 0 : Math.max(0, 1 - this.#runs.distinct() / runs);
  }

  #endWord(): void {
    if (!this.#isInWord) return;
    this.#isInWord = false;
    this.#addWord(this.#hash);
  }

  #addWord(word: number): void {
    this.#recent[this.count % runWords] = word;
    this.count++;
    if (this.count < runWords) return;
    let hash = 0;
    for (let i = 0; i < runWords; i++) {
      hash = mixed(hash, this.#recent[(this.count + i) % runWords] ?? 0);
    }
    this.#runs.add(hash);
  }
}

function lowerOf(point: number): number {
  if (point < 128) return point >= 65 && point <= 90 ? point + 32 : point;
  return String.fromCodePoint(point).toLowerCase().codePointAt(0) ?? point;
}

/** Two steps of MurmurHash3. */
function mixed(hash: number, value: number): number {
  let mix = Math.imul(hash ^ value, 0x9e3779b1);
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  return (mix ^ (mix >>> 13)) >>> 0;
}
