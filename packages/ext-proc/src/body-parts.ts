/** A body that comes in pieces. One piece is kept as it came; small ones go into memory that grows, since each view has its price. */
export class BodyParts {
  readonly #parts: Uint8Array[] = [];
  /** What small pieces are copied into, behind all of `#parts`. */
  #small: Buffer | undefined = undefined;
  #smallHas = 0;

  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (piece.length >= smallBytes || (this.#parts.length === 0 && this.#small === undefined)) {
      this.#close();
      this.#parts.push(piece);
      return;
    }
    const needed = this.#smallHas + piece.length;
    if (this.#small === undefined || needed > this.#small.length) {
      const larger = Buffer.allocUnsafe(Math.max(4 * smallBytes, 2 * needed));
      this.#small?.copy(larger, 0, 0, this.#smallHas);
      this.#small = larger;
    }
    this.#small.set(piece, this.#smallHas);
    this.#smallHas = needed;
  }

  whole(): Uint8Array {
    this.#close();
    const [first = noBytes] = this.#parts;
    return this.#parts.length < 2 ? first : Buffer.concat(this.#parts);
  }

  #close(): void {
    if (this.#small === undefined) return;
    this.#parts.push(this.#small.subarray(0, this.#smallHas));
    this.#small = undefined;
    this.#smallHas = 0;
  }
}

/** A smaller piece costs about as much by being kept as its bytes do. */
const smallBytes = 1_024;
const noBytes = new Uint8Array();
