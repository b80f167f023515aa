/** Decides what is compared, so that comparing takes at most a share of one core. */
export interface ComparisonRates {
  /** Whether the answers of a request are compared, and whether their similarity is measured. */
  of(comparison: number): { readonly isCompared: boolean; readonly hasSimilarity: boolean };
  /** Records the time that a comparison took, in ms. */
  spent(ms: number): void;
}

export interface ComparisonRatesOptions {
  /** Of one core, 0 to 1. */
  readonly share: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Key of the draws. */
  readonly seed: number;
}

const windowMs = 1_000;
/** So that the rate is still measured. */
const leastRate = 0.01;
/** Growth of a rate from one second to the next, while less than this part of the share is used: it stays within it. */
const growth = 1.25;
const growsBelow = 0.8;
/** The part of the share that a rate is cut to, so that the average stays below the share. */
const cutTo = 0.9;

/**
 * Adjusts two rates each second: first that of similarity, which takes most of the time, then that of all else. Requests
 * are drawn by a keyed hash of their numbers, so a rate does not depend on what their answers are.
 */
export function createComparisonRates({
  share,
  now,
  seed,
}: ComparisonRatesOptions): ComparisonRates {
  let [rate, similarityRate] = [1, 1];
  let [spentMs, sinceMs] = [0, now()];

  function adjust(): void {
    const elapsedMs = now() - sinceMs;
    if (elapsedMs < windowMs) return;
    const used = spentMs / elapsedMs / share;
    const isSimilarityLeast = similarityRate <= leastRate;
    if (used <= growsBelow) {
      if (rate < 1) rate = Math.min(1, rate * growth);
      else similarityRate = Math.min(1, similarityRate * growth);
    } else if (used > 1) {
      const cut = cutTo / used;
      if (isSimilarityLeast) rate = Math.max(leastRate, rate * cut);
      else similarityRate = Math.max(leastRate, similarityRate * cut);
    }
    [spentMs, sinceMs] = [0, now()];
  }

  return {
    of(comparison) {
      adjust();
      const drawn = uniform(comparison, seed);
      return { isCompared: drawn < rate, hasSimilarity: drawn < rate * similarityRate };
    },
    spent(ms) {
      spentMs += ms;
    },
  };
}

/** Maps a number to 0..1, by the mixing steps of MurmurHash3. */
function uniform(number: number, seed: number): number {
  let hash = Math.imul(number ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
