import type { Bounds } from "./confidence-sequence.ts";
import { quantile, sorted } from "./quantile.ts";
import { studentQuantile } from "./student-t.ts";

/**
 * Statistics for a single analysis of a fixed number of independent pairs. No gate uses them, because consecutive
 * requests share load and evaluations are analysed repeatedly. They serve to compare with numbers of other tools.
 */

/** Two-sided t interval of a mean. */
export function meanInterval(values: readonly number[], confidence: number): Bounds {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const sd = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1));
  const radius = (studentQuantile((1 + confidence) / 2, n - 1) * sd) / Math.sqrt(n);
  return { lower: mean - radius, upper: mean + radius };
}

/** Median of all pairwise means (Walsh averages): Hodges and Lehmann (1963). Work grows with the square of n. */
export function hodgesLehmann(values: readonly number[]): number {
  const means = values.flatMap((a, i) => values.slice(i).map((b) => (a + b) / 2));
  return quantile(sorted(means), 0.5);
}

export interface SignedRank {
  /** Sum of the ranks of positive values. */
  readonly wPlus: number;
  /** Exact p values for values centred below 0, above 0, and either. */
  readonly less: number;
  readonly greater: number;
  readonly twoSided: number;
}

/** Wilcoxon's signed-rank test (1945), exact; for values without ties and zeros, at most a few hundred. */
export function signedRank(values: readonly number[]): SignedRank {
  const ranked = values.toSorted((a, b) => Math.abs(a) - Math.abs(b));
  const wPlus = ranked.reduce((sum, value, index) => sum + (value > 0 ? index + 1 : 0), 0);
  const most = (values.length * (values.length + 1)) / 2;
  // Share of the 2^n sign patterns that give each rank sum.
  let shares = new Float64Array(most + 1);
  shares[0] = 1;
  for (let rank = 1; rank <= values.length; rank++) {
    shares = shares.map((share, sum) => (share + (shares[sum - rank] ?? 0)) / 2);
  }
  const upTo = (end: number) => shares.slice(0, end + 1).reduce((sum, share) => sum + share, 0);
  const [less, greater] = [upTo(wPlus), upTo(most - wPlus)];
  return { wPlus, less, greater, twoSided: Math.min(1, 2 * Math.min(less, greater)) };
}
