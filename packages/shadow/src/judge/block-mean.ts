import { cutBlocks } from "../statistics/blocks.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { cosineSd, cosines, influencesOf, minBlocks } from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";

/** A mean of values that are correlated in time, because neighbours share the same load. */
export interface BlockMean {
  readonly mean: number;
  /** Standard error of the mean: long-run, by equal-weighted cosines. */
  readonly se: number;
  /** Degrees of freedom of the standard error. */
  readonly freedom: number;
}

/**
 * Computes the mean over blocks of `blockMs`; undefined if there are too few blocks for a standard error. `atMs` must
 * be ascending.
 */
export function blockMean(
  atMs: ArrayLike<number>,
  values: ArrayLike<number>,
  blockMs: number,
): BlockMean | undefined {
  const blocks = cutBlocks(atMs, values, blockMs);
  if (blocks.count < minBlocks) return undefined;
  const se = cosineSd(influencesOf(blocks)) / Math.sqrt(blocks.count);
  return { mean: blocks.mean, se, freedom: cosines(blocks.count) };
}

/** Bounds of the mean, each holding with `confidence` on its own. */
export function boundsOf({ mean, se, freedom }: BlockMean, confidence: number): Bounds {
  const radius = studentQuantile(confidence, freedom) * se;
  return { lower: mean - radius, upper: mean + radius };
}
