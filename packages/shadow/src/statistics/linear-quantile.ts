import { cutBlocks } from "./blocks.ts";
import { logRatio } from "./bootstrap.ts";
import type { Bounds } from "./confidence-sequence.ts";
import { cosineBounds, influencesOf, minBlocks } from "./long-run.ts";
import { normalQuantile } from "./normal.ts";
import { quantile, sorted } from "./quantile.ts";

/** Paired values in order of time. A shadow's value is infinite if its answer never arrived. */
export interface TimedPairs {
  /** Ascending, in ms. */
  readonly atMs: ArrayLike<number>;
  readonly primary: ArrayLike<number>;
  readonly shadow: ArrayLike<number>;
}

/**
 * Log ratio of two quantiles with bounds for a single analysis, one for each of `alphas`. They use the long-run
 * deviation of each pair's influence on the quantiles, summed by block. Needs no choice of a block length.
 *
 * Sparsity by Siddiqui (1960) with the bandwidth of Hall and Sheather (1988), JRSS-B 50(3).
 */
export function linearQuantileRatio(
  { atMs, primary, shadow }: TimedPairs,
  level: number,
  { alphas, blockMs }: { readonly alphas: readonly number[]; readonly blockMs: number },
): { readonly estimate: number; readonly intervals: readonly Bounds[] } | undefined {
  const [first, second] = [sorted(primary as Float64Array), sorted(shadow as Float64Array)];
  const [below, above] = [quantile(first, level), quantile(second, level)];
  const estimate = logRatio(above, below);
  const width = bandwidth(level, first.length);
  const [slopeBelow, slopeAbove] = [first, second].map((values) => sparsity(values, level, width));
  const isLinear = [estimate, slopeBelow, slopeAbove].every(Number.isFinite);
  const share = 1 - level;
  const values = Float64Array.from({ length: first.length }, (_, i) => {
    const [p, s] = [primary[i] ?? 0, shadow[i] ?? 0];
    if (!isLinear) return (s === Number.POSITIVE_INFINITY ? 1 : 0) - (p > below ? 1 : 0);
    const [isAboveP, isAboveS] = [Number(p > below), Number(s > above)];
    return (slopeAbove ?? 0) * (isAboveS - share) - (slopeBelow ?? 0) * (isAboveP - share);
  });
  const blocks = cutBlocks(atMs, values, blockMs);
  if (blocks.count < minBlocks) return undefined;
  if (below === Number.POSITIVE_INFINITY)
    return { estimate, intervals: alphas.map(() => anything) };
  const influences = influencesOf(blocks);
  const intervals = alphas.map((alpha): Bounds => {
    if (isLinear) {
      const { lower, upper } = cosineBounds(0, influences, alpha);
      return { lower: estimate + lower, upper: estimate + upper };
    }
    // If more answers never arrived than are above the quantile, it is infinite; otherwise unknown.
    const isInfinite = cosineBounds(blocks.mean, influences, alpha).lower > 0;
    const lower = isInfinite ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return { lower, upper: Number.POSITIVE_INFINITY };
  });
  return { estimate, intervals };
}

const anything: Bounds = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };

/** Bandwidth as a share of the values, for intervals at 95 %. */
function bandwidth(level: number, size: number): number {
  const z = normalQuantile(level);
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  const shape = (1.5 * density ** 2) / (2 * z ** 2 + 1);
  const width = size ** (-1 / 3) * normalQuantile(0.95) ** (2 / 3) * shape ** (1 / 3);
  return Math.min(width, 0.8 * Math.min(level, 1 - level));
}

/** Derivative of the log quantile with respect to the share. */
function sparsity(values: Float64Array, level: number, width: number): number {
  const [low, high] = [quantile(values, level - width), quantile(values, level + width)];
  return Math.log(high / low) / (2 * width);
}
