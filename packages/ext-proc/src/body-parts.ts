/**
 * A body that arrives in pieces. A single piece is kept without a copy. Small pieces are copied into a growing buffer,
 * because each view has a cost.
 */
export class BodyParts {
  readonly #parts: Uint8Array[] = [];
  /** Buffer for small pieces, which follows all of `#parts`. */
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

/** Smallest piece that is kept as a view; a smaller one costs about as much as its bytes. */
const smallBytes = 1_024;
const noBytes = new Uint8Array();
