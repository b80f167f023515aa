import { createHash, type Hash } from "node:crypto";

const hashedLength = 4_096;
const encoder = new TextEncoder();

/** The part of an answer that is its text; tool calls have their index, from 0 on. */
export const textPart = -1;

/**
 * Room for the texts of one answer. What fits is looked at; what follows is only hashed. Pieces may end anywhere: the
 * same answer is cut at the same place, and has the same rest.
 */
export class AnswerRoom {
  /** Bytes left, as UTF-8. */
  #left: number;
  /** Of what does not fit; undefined as long as all does. */
  #rest: Hash | undefined = undefined;
  /** The end of it, which is hashed in longer pieces: hashing each takes as long as reading it. */
  #unhashed = "";
  /** The part of which the last piece was. */
  #lastPart = textPart;
  /** First half of a character of that part, whose second half is in the next piece. */
  #half = "";

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  /** True if something did not fit. */
  get isFull(): boolean {
    return this.#rest !== undefined;
  }

  /** A digest of what did not fit; undefined if all did. */
  get rest(): string | undefined {
    return this.#rest?.copy().update(this.#unhashed).digest("hex");
  }

  /** Takes a piece of a part. Returns what of it must be kept, in whole characters. */
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

  /** Takes a piece of a part that is not kept. */
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
