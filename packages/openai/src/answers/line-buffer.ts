/** Smallest buffer for an incomplete line, in bytes. */
const leastRoom = 256;
const nothing = Buffer.alloc(0);

/** Holds an incomplete line in a separate buffer, because slices of pooled memory would keep the whole pool alive. */
export class LineBuffer {
  readonly #maxBytes: number;
  #buffer = nothing;
  length = 0;

  /** @param maxBytes longest line */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** First byte; undefined if empty. */
  get first(): number | undefined {
    return this.length === 0 ? undefined : this.#buffer[0];
  }

  /** Allocated bytes, at least its length. */
  get room(): number {
    return this.#buffer.length;
  }

  /** Copies a piece. Returns false if the line would be too long. */
  add(piece: Buffer): boolean {
    const needed = this.length + piece.length;
    if (needed > this.#maxBytes) return false;
    if (needed > this.#buffer.length) {
      const doubled = Math.min(2 * this.#buffer.length, this.#maxBytes);
      const longer = Buffer.allocUnsafeSlow(Math.max(needed, leastRoom, doubled));
      this.#buffer.copy(longer, 0, 0, this.length);
      this.#buffer = longer;
    }
    piece.copy(this.#buffer, this.length);
    this.length = needed;
    return true;
  }

  /** Returns the line with its last piece; undefined if it is too long. */
  textWith(last: Buffer): string | undefined {
    // Most lines arrive complete.
    if (this.length === 0 && last.length <= this.#maxBytes) return last.toString("utf8");
    return this.add(last) ? this.#buffer.toString("utf8", 0, this.length) : undefined;
  }

  clear(): void {
    this.#buffer = nothing;
    this.length = 0;
  }
}
