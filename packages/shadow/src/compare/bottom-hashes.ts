const leastPlaces = 16;

/** The smallest of many hashes, each once: a sample of them that does not depend on their order (Cohen and Kaplan 2007). */
export class BottomHashes {
  readonly #most: number;
  /** In ascending order; free places at the end. */
  #hashes = new Uint32Array(leastPlaces);
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get heldBytes(): number {
    return this.#hashes.byteLength;
  }

  /** The hashes, in ascending order. */
  get hashes(): Uint32Array {
    return this.#hashes.subarray(0, this.#size);
  }

  add(hash: number): void {
    const isFull = this.#size === this.#most;
    if (isFull && hash >= (this.#hashes[this.#size - 1] ?? 0)) return;
    const place = this.#placeOf(hash);
    if (place < this.#size && this.#hashes[place] === hash) return;
    if (!isFull) this.#grow();
    this.#hashes.copyWithin(place + 1, place, this.#size - 1);
    this.#hashes[place] = hash;
  }

  /** Estimated number of different hashes; exact as long as all are kept. */
  distinct(): number {
    if (this.#size < this.#most) return this.#size;
    return (this.#most - 1) / ((this.#hashes[this.#size - 1] ?? 1) / 2 ** 32);
  }

  /** Index of the first hash that is not smaller. */
  #placeOf(hash: number): number {
    let [low, high] = [0, this.#size];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#hashes[middle] ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    if (this.#size === this.#hashes.length) {
      const grown = new Uint32Array(Math.min(this.#most, 2 * this.#size));
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#size++;
  }
}

/**
 * Estimated Jaccard index of two sets by the smallest hashes of each, 0 to 1; 1 if both are empty. With 64 hashes its
 * standard error is at most 0.063.
 *
 * @param first ascending @param second ascending @param most hashes kept of each
 */
export function sharedHashes(first: Uint32Array, second: Uint32Array, most: number): number {
  let [i, j, all, both] = [0, 0, 0, 0];
  while (all < most && (i < first.length || j < second.length)) {
    const [a, b] = [first[i] ?? Number.POSITIVE_INFINITY, second[j] ?? Number.POSITIVE_INFINITY];
    if (a === b) both++;
    if (a <= b) i++;
    if (b <= a) j++;
    all++;
  }
  return all === 0 ? 1 : both / all;
}
