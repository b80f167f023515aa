import type { Bounds } from "./confidence-sequence.ts";

/** Bounds of a mean of values from 0 to 1 that hold at every analysis. */
export interface BernsteinSequence {
  /** `x`: from 0 to 1. */
  add(x: number): void;
  readonly count: number;
  /** Bounds so far, within 0 to 1. */
  readonly bounds: Bounds;
}

/**
 * Creates a confidence sequence for the mean of bounded values, at error `alpha` for both sides together.
 *
 * Waudby-Smith and Ramdas (2024), JRSS-B 86(1), theorem 2: the predictable plug-in empirical Bernstein sequence. Bounds of
 * earlier analyses still hold, so the tightest ones are kept.
 */
export function createBernsteinSequence(alpha: number): BernsteinSequence {
  const logAlpha = Math.log(2 / alpha);
  let [count, sum, stakes, staked, variances, squares] = [0, 0, 0, 0, 0, 0.25];
  let [mean, variance] = [0.5, 0.25];
  let [lower, upper] = [0, 1];
  return {
    add(x) {
      count++;
      const stake = Math.min(
        0.5,
        Math.sqrt((2 * logAlpha) / (variance * count * Math.log(1 + count))),
      );
      variances += (x - mean) ** 2 * (-Math.log(1 - stake) - stake);
      stakes += stake;
      staked += stake * x;
      sum += x;
      const [centre, radius] = [staked / stakes, (logAlpha + variances) / stakes];
      lower = Math.max(lower, centre - radius);
      upper = Math.min(upper, centre + radius);
      mean = (0.5 + sum) / (count + 1);
      squares += (x - mean) ** 2;
      variance = squares / (count + 1);
    },
    get count() {
      return count;
    },
    get bounds() {
      return { lower, upper };
    },
  };
}
