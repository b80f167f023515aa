import { createHash, type Hash } from "node:crypto";

const hashedLength = 4_096;
const encoder = new TextEncoder();

/** Part number of an answer's text. The part number of a tool call is its index, from 0. */
export const textPart = -1;

/**
 * A byte limit for the texts of one answer. Text within the limit is kept; text after it is only hashed. Where pieces
 * end makes no difference: the same answer is always cut at the same place and has the same hash.
 */
export class AnswerRoom {
  /** Bytes left, as UTF-8. */
  #left: number;
  /** Hash of the text that does not fit; undefined while everything fits. */
  #rest: Hash | undefined = undefined;
  /** Text to hash later, in longer pieces: hashing each short piece is as slow as reading it. */
  #unhashed = "";
  /** The part that the last piece belongs to. */
  #lastPart = textPart;
  /** First half of a surrogate pair that the next piece of that part completes. */
  #half = "";

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  /** True if some text did not fit. */
  get isFull(): boolean {
    return this.#rest !== undefined;
  }

  /** Digest of the text that did not fit; undefined if everything fitted. */
  get rest(): string | undefined {
    return this.#rest?.copy().update(this.#unhashed).digest("hex");
  }

  /** Takes a piece of a part. Returns the text to keep, in whole characters. */
  take(part: number, piece: string): string {
    const whole = this.#begin(part, piece);
    if (this.#rest !== undefined) {
      this.#addToRest(whole);
      return "";
    }
    const bytes = Buffer.byteLength(whole);
    if (bytes <= this.#left) {
      this.#left -= bytes;
      return whole;
    }
    const { read } = encoder.encodeInto(whole, new Uint8Array(this.#left));
    this.#left = 0;
    this.#addToRest(whole.slice(read));
    return whole.slice(0, read);
  }

  /** Takes a piece of a part that is only hashed. */
  leave(part: number, piece: string): void {
    this.#addToRest(this.#begin(part, piece));
  }

  clear(): void {
    this.#rest = undefined;
    [this.#unhashed, this.#half] = ["", ""];
  }

  #begin(part: number, piece: string): string {
    if (part !== this.#lastPart) {
      [this.#lastPart, this.#half] = [part, ""];
      if (this.#rest !== undefined) this.#addToRest(`\0${part}\0`);
    }
    return this.#wholeCharacters(piece);
  }

  #wholeCharacters(piece: string): string {
    const joined = this.#half === "" ? piece : this.#half + piece;
    const last = joined.charCodeAt(joined.length - 1);
    const isHalf = last >= 0xd800 && last < 0xdc00;
    this.#half = isHalf ? joined.slice(-1) : "";
    return isHalf ? joined.slice(0, -1) : joined;
  }

  #addToRest(piece: string): void {
    this.#rest ??= createHash("sha256").update(`\0${this.#lastPart}\0`);
    this.#unhashed += piece;
    if (this.#unhashed.length < hashedLength) return;
    this.#rest.update(this.#unhashed);
    this.#unhashed = "";
  }
}
