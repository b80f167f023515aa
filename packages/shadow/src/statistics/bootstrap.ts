import type { Bounds } from "./confidence-sequence.ts";
import { quantile, sorted } from "./quantile.ts";
import { createRandom } from "./random.ts";
import { smallSampleFactor } from "./student-t.ts";

/** Paired values with the time block of each pair. */
export interface BlockedPairs {
  readonly primary: ArrayLike<number>;
  readonly shadow: ArrayLike<number>;
  /** Block of each pair, 0 to `blocks` - 1. */
  readonly blockOf: ArrayLike<number>;
  readonly blocks: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  /** Error on each side: an interval for each. */
  readonly alphas: readonly number[];
  /** B: 2,000 when absent. */
  readonly replicates?: number;
}

export interface BootstrapResult {
  readonly estimate: number;
  /** One interval for each of `alphas`. */
  readonly intervals: readonly BootstrapInterval[];
}

export interface BootstrapInterval {
  /** Percentile interval. */
  readonly raw: Bounds;
  /** The percentile interval, widened around the estimate for few blocks. */
  readonly inflated: Bounds;
}

interface Sorted {
  readonly values: Float64Array;
  /** Block of each sorted value. */
  readonly blockOf: Int32Array;
}

/**
 * Ratios `Q_shadow(p) / Q_primary(p)` with intervals, one for each of `levels`, by the cluster bootstrap: whole blocks
 * are drawn, which keeps requests with shared load together. Sorts once; each replicate is one pass.
 *
 * Davison and Hinkley (1997), Bootstrap Methods and their Application, §3.8; quantiles of type 7 for the estimate.
 */
export function quantileRatios(
  pairs: BlockedPairs,
  levels: readonly number[],
  { seed, alphas, replicates = 2_000 }: BootstrapOptions,
): readonly BootstrapResult[] {
  const primary = sortWithBlocks(pairs.primary, pairs.blockOf);
  const shadow = sortWithBlocks(pairs.shadow, pairs.blockOf);
  const counts = new Float64Array(pairs.blocks);
  for (let i = 0; i < pairs.primary.length; i++) {
    const block = pairs.blockOf[i] ?? 0;
    counts[block] = (counts[block] ?? 0) + 1;
  }
  const random = createRandom(seed);
  const weights = new Float64Array(pairs.blocks);
  const logs = levels.map(() => new Float64Array(replicates));
  for (let r = 0; r < replicates; r++) {
    const total = drawBlocks(weights, counts, random.below);
    const below = weightedQuantiles(primary, weights, levels, total);
    const above = weightedQuantiles(shadow, weights, levels, total);
    levels.forEach((_, at) => {
      const log = logs[at];
      if (log !== undefined) log[r] = logRatio(above[at] ?? 0, below[at] ?? 0);
    });
  }
  const factor = smallSampleFactor(pairs.blocks);
  return levels.map((level, at) => {
    const estimate = logRatio(quantile(shadow.values, level), quantile(primary.values, level));
    return result(estimate, logs[at] ?? new Float64Array(), alphas, factor, Math.exp);
  });
}

/**
 * An infinite quantile of the primary means that nothing can be worse. For the shadow it means that the answer never
 * arrived.
 */
export function logRatio(shadow: number, primary: number): number {
  if (primary === Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  return shadow === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : Math.log(shadow / primary);
}

function result(
  estimate: number,
  replicates: Float64Array,
  alphas: readonly number[],
  factor: number,
  scale: (x: number) => number,
): BootstrapResult {
  const ordered = sorted(replicates);
  const intervals = alphas.map((alpha) => {
    const [lower, upper] = [quantile(ordered, alpha), quantile(ordered, 1 - alpha)];
    const inflated = (bound: number) =>
      Number.isFinite(bound) && Number.isFinite(estimate)
        ? scale(estimate + (bound - estimate) * factor)
        : scale(bound);
    return {
      raw: { lower: scale(lower), upper: scale(upper) },
      inflated: { lower: inflated(lower), upper: inflated(upper) },
    };
  });
  return { estimate: scale(estimate), intervals };
}

function sortWithBlocks(values: ArrayLike<number>, blockOf: ArrayLike<number>): Sorted {
  const order = Uint32Array.from({ length: values.length }, (_, index) => index);
  order.sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  return {
    values: Float64Array.from(order, (index) => values[index] ?? 0),
    blockOf: Int32Array.from(order, (index) => blockOf[index] ?? 0),
  };
}

/** Draws as many blocks as there are, with replacement. Returns the number of values drawn. */
function drawBlocks(
  weights: Float64Array,
  counts: Float64Array,
  below: (n: number) => number,
): number {
  weights.fill(0);
  let total = 0;
  for (let k = 0; k < weights.length; k++) {
    const drawn = below(weights.length);
    weights[drawn] = (weights[drawn] ?? 0) + 1;
    total += counts[drawn] ?? 0;
  }
  return total;
}

/**
 * For each level, finds the value at which the cumulative weight reaches `level` of the total. Upper levels are
 * searched from above, because a tail is near the end.
 */
function weightedQuantiles(
  { values, blockOf }: Sorted,
  weights: Float64Array,
  levels: readonly number[],
  total: number,
): readonly number[] {
  return levels.map((level) => {
    const needed = Math.ceil(level * total);
    return level > 0.5
      ? fromAbove(values, blockOf, weights, total - needed)
      : fromBelow(values, blockOf, weights, needed);
  });
}

function fromBelow(
  values: Float64Array,
  blockOf: Int32Array,
  weights: Float64Array,
  needed: number,
): number {
  let running = 0;
  for (let i = 0; i < values.length; i++) {
    running += weights[blockOf[i] as number] as number;
    if (running >= needed) return values[i] ?? 0;
  }
  return values.at(-1) ?? 0;
}

function fromAbove(
  values: Float64Array,
  blockOf: Int32Array,
  weights: Float64Array,
  spare: number,
): number {
  let running = 0;
  for (let i = values.length - 1; i >= 0; i--) {
    running += weights[blockOf[i] as number] as number;
    if (running > spare) return values[i] ?? 0;
  }
  return values[0] ?? 0;
}
