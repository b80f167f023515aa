/** Smallest buffer, in bytes. */
const leastBytes = 64;
const nothing = new Uint8Array();
const encoder = new TextEncoder();

/** A text that grows by pieces, as UTF-8: its memory is what its buffer has, and can be overwritten. */
export class HeldText {
  #bytes: Uint8Array = nothing;
  #length = 0;

  /** Allocated bytes. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  /** Adds a piece at the end. */
  add(piece: string): void {
    this.#reserve(Buffer.byteLength(piece));
    this.#length += encoder.encodeInto(piece, this.#bytes.subarray(this.#length)).written;
  }

  text(): string {
    return Buffer.from(this.#bytes.buffer, 0, this.#length).toString("utf8");
  }

  /** Overwrites the text, so that nothing of it stays in memory. */
  clear(): void {
    this.#bytes.fill(0);
    this.#bytes = nothing;
    this.#length = 0;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, leastBytes, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes.fill(0);
    this.#bytes = grown;
  }
}
