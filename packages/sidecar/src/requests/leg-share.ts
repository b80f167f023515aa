/** What the copies of one answer may take of this thread, whatever becomes of them. */
export interface LegShare {
  /** A chunk has arrived. Returns false once the leg has sent more than its share. */
  takes(chunkBytes: number, atMs: number): boolean;
}

export interface LegShareOptions {
  /** The answer is a stream of events. */
  readonly isStream: boolean;
}

/** Of an answer that is one body. */
const maxBodyBytes = 32 * 1024 * 1024;
/** Of a stream, which its pace bounds, too: 128 Ki tokens of 1 KiB each, as the likeliest others of a token make them. */
const maxStreamBytes = 128 * 1024 * 1024;
/**
 * A stream: so much at once, and so much a second. A model that writes 1,000 tokens a second, each with its 20 most likely
 * others, sends 2 MB. While copies of a flood are taken, Envoy holds the answer itself back: so they end early.
 */
const burstBytes = 4 * 1024 * 1024;
const bytesPerMs = 2 * 1024;
/** A smaller chunk counts as so many bytes: it costs as much. */
const leastChunkBytes = 512;

/** The share of one leg. */
export function createLegShare({ isStream }: LegShareOptions): LegShare {
  return isStream ? new PacedShare() : new WholeShare();
}

class WholeShare implements LegShare {
  #bytes = 0;

  takes(chunkBytes: number): boolean {
    this.#bytes += chunkBytes;
    return this.#bytes <= maxBodyBytes;
  }
}

class PacedShare implements LegShare {
  #bytes = 0;
  #leftBytes = burstBytes;
  #filledMs = Number.POSITIVE_INFINITY;

  takes(chunkBytes: number, atMs: number): boolean {
    this.#bytes += chunkBytes;
    const filledBytes = Math.max(0, atMs - this.#filledMs) * bytesPerMs;
    this.#leftBytes = Math.min(burstBytes, this.#leftBytes + filledBytes);
    this.#leftBytes -= Math.max(leastChunkBytes, chunkBytes);
    this.#filledMs = atMs;
    return this.#leftBytes >= 0 && this.#bytes <= maxStreamBytes;
  }
}
