import { cutBlocks } from "../statistics/blocks.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { studentQuantile } from "../statistics/student-t.ts";

/** A mean of values that share their load with their neighbours in time. */
export interface BlockMean {
  /** Number of values. */
  readonly n: number;
  readonly mean: number;
  /** Standard error of the mean. */
  readonly se: number;
  /** Degrees of freedom of the standard error. */
  readonly freedom: number;
}

/** Fewer blocks of time than this have no standard error. */
const minBlocks = 20;

/**
 * The mean with a standard error that holds under load that lasts: equal-weighted cosine estimate of the long-run variance
 * (Lazarus, Lewis, Stock and Watson 2018) on blocks of `blockMs`. Undefined of fewer than 20 blocks.
 */
export function blockMean(
  atMs: ArrayLike<number>,
  values: ArrayLike<number>,
  blockMs: number,
): BlockMean | undefined {
  const { count, counts, sums, mean, size } = cutBlocks(atMs, values, blockMs);
  if (count < minBlocks) return undefined;
  const influence = counts.map((n, k) => (count / size) * ((sums[k] ?? 0) - n * mean));
  const freedom = count < 100 ? 6 : 8;
  return {
    n: size,
    mean,
    se: Math.sqrt(cosineVariance(influence, { from: 1, to: freedom }) / count),
    freedom,
  };
}

/** Long-run variance of a series from some of its lowest cosine transforms. */
export function cosineVariance(
  series: ArrayLike<number>,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const count = series.length;
  let sum = 0;
  for (let j = from; j <= to; j++) {
    let transform = 0;
    for (let k = 0; k < count; k++) {
      transform += (series[k] ?? 0) * Math.cos((Math.PI * j * (k + 0.5)) / count);
    }
    sum += (2 / count) * transform ** 2;
  }
  return sum / (to - from + 1);
}

/** Bounds of the mean, each holding with `confidence` on its own. */
export function boundsOf(
  { mean, se, freedom }: Pick<BlockMean, "mean" | "se" | "freedom">,
  confidence: number,
): Bounds {
  const radius = studentQuantile(confidence, freedom) * se;
  return { lower: mean - radius, upper: mean + radius };
}
