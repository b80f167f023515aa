/** Limits the work of this thread for one recorded answer. */
export interface LegShare {
  /** Records a chunk. Returns false after the leg exceeded its limit. */
  takes(chunkBytes: number, atMs: number): boolean;
}

export interface LegShareOptions {
  /** True if the answer is an event stream. */
  readonly isStream: boolean;
}

/** Maximum size of a non-streaming answer. */
const maxBodyBytes = 32 * 1024 * 1024;
/** Maximum size of a stream, whose rate is also limited: 128 Ki tokens of 1 KiB each, which is typical with log probabilities. */
const maxStreamBytes = 128 * 1024 * 1024;
/**
 * Burst and rate limit of a stream. 1,000 tokens per second with 20 log probabilities each are 2 MB per second.
 * Reading a flooding stream makes Envoy delay the answer itself, so recording ends early.
 */
const burstBytes = 4 * 1024 * 1024;
const bytesPerMs = 2 * 1024;
/** Minimum bytes counted per chunk, because small chunks cost as much. */
const leastChunkBytes = 512;

/** Creates the limits of one leg. */
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
