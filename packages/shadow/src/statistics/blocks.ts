/**
 * Values grouped into blocks of wall-clock time. Requests close in time share a queue and a batch; sufficiently long
 * blocks do not, so blocks are the unit of inference.
 */
export interface Blocks {
  readonly lengthMs: number;
  /** K: the number of blocks. */
  readonly count: number;
  /** n: the number of values. */
  readonly size: number;
  /** Number and sum of the values of each block. */
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  /** Sum of the squared values of each block. */
  readonly squares: Float64Array;
  /** Start of each block, on the values' clock. */
  readonly startsMs: Float64Array;
  /** Block of each value. */
  readonly blockOf: Int32Array;
  /** Mean of all values. */
  readonly mean: number;
  /** Standard deviation of all values around the mean, whatever their block. */
  readonly valueSd: number;
  /** s_psi: standard deviation of the blocks' influence values; with equal counts, of the blocks' means. */
  readonly sd: number;
  /** Lag-1 autocorrelation of the influence values. */
  readonly lag1: number;
}

/** Fewest values of a block; a block with fewer is merged with the next. */
const minPerBlock = 5;

/**
 * Groups values into blocks of `lengthMs`. `atMs` must be ascending and have the same length as `values`.
 *
 * Mean `sum D_k / sum n_k`, influence `psi_k = (K / n) (D_k - n_k mean)`: the linearised ratio estimator of cluster
 * sampling (Cochran 1977, §11).
 */
export function cutBlocks(
  atMs: ArrayLike<number>,
  values: ArrayLike<number>,
  lengthMs: number,
): Blocks {
  const size = values.length;
  const blockOf = new Int32Array(size);
  const counts: number[] = [];
  const sums: number[] = [];
  const squares: number[] = [];
  const startsMs: number[] = [];
  const first = atMs[0] ?? 0;
  let slot = Number.NaN;
  for (let i = 0; i < size; i++) {
    const at = Math.floor(((atMs[i] ?? 0) - first) / lengthMs);
    const last = counts.length - 1;
    if (last < 0 || (at !== slot && (counts[last] ?? 0) >= minPerBlock)) {
      counts.push(0);
      sums.push(0);
      squares.push(0);
      startsMs.push(first + at * lengthMs);
    }
    slot = at;
    const block = counts.length - 1;
    counts[block] = (counts[block] ?? 0) + 1;
    sums[block] = (sums[block] ?? 0) + (values[i] ?? 0);
    squares[block] = (squares[block] ?? 0) + (values[i] ?? 0) ** 2;
    blockOf[i] = block;
  }
  joinShortTail([counts, sums, squares], startsMs, blockOf);
  return {
    lengthMs,
    size,
    startsMs: Float64Array.from(startsMs),
    blockOf,
    ...moments(counts, sums, squares),
  };
}

/** The last block has no next one, so if it is too small it is merged with the previous one. */
function joinShortTail(
  columns: readonly [counts: number[], ...number[][]],
  startsMs: number[],
  blockOf: Int32Array,
) {
  const [counts] = columns;
  const last = counts.length - 1;
  if (last < 1 || (counts[last] ?? 0) >= minPerBlock) return;
  for (const column of columns) column[last - 1] = (column[last - 1] ?? 0) + (column.pop() ?? 0);
  startsMs.pop();
  for (let i = blockOf.length - 1; i >= 0 && blockOf[i] === last; i--) blockOf[i] = last - 1;
}

/** Computes mean, deviations and autocorrelation of blocks from their counts, sums and sums of squares. */
export function moments(
  counts: ArrayLike<number>,
  sums: ArrayLike<number>,
  squares: ArrayLike<number>,
): Pick<Blocks, "count" | "counts" | "sums" | "squares" | "mean" | "valueSd" | "sd" | "lag1"> {
  const count = counts.length;
  let [n, total, ofValues] = [0, 0, 0];
  for (let k = 0; k < count; k++) {
    n += counts[k] ?? 0;
    total += sums[k] ?? 0;
    ofValues += squares[k] ?? 0;
  }
  const mean = n === 0 ? Number.NaN : total / n;
  let [ofBlocks, products, before] = [0, 0, 0];
  for (let k = 0; k < count; k++) {
    const psi = (count / n) * ((sums[k] ?? 0) - (counts[k] ?? 0) * mean);
    ofBlocks += psi * psi;
    products += psi * before;
    before = psi;
  }
  // Rounding errors of equal values are not a deviation.
  const isFlat = ofBlocks <= count * (1e-12 * Math.max(1, Math.abs(mean))) ** 2;
  return {
    count,
    counts: Float64Array.from(counts),
    sums: Float64Array.from(sums),
    squares: Float64Array.from(squares),
    mean,
    valueSd: n === 0 ? 0 : Math.sqrt(Math.max(0, ofValues / n - mean ** 2)),
    sd: isFlat || count < 2 ? 0 : Math.sqrt(ofBlocks / (count - 1)),
    lag1: isFlat ? 0 : products / ofBlocks,
  };
}

export interface BlockChoice {
  /** Lengths to try, ascending, in ms. */
  readonly lengthsMs: readonly number[];
  /** Blocks that a decision needs; 20 when absent. */
  readonly minBlocks?: number;
  /** Largest lag-1 autocorrelation of a valid length; 0.10 when absent. */
  readonly maxLag1?: number;
  /** Previously chosen length, which is kept or increased, never reduced. */
  readonly atLeastMs?: number;
}

/** A length for which neighbouring blocks are nearly independent, or why there is none. */
export type ChosenBlocks =
  | { readonly ok: true; readonly blocks: Blocks }
  | {
      readonly ok: false;
      readonly reason: "too few blocks" | "too autocorrelated";
      readonly blocks: Blocks;
    };

/** Chooses the shortest length with enough, nearly uncorrelated blocks. */
export function chooseBlocks(
  atMs: ArrayLike<number>,
  values: ArrayLike<number>,
  { lengthsMs, minBlocks = 20, maxLag1 = 0.1, atLeastMs = 0 }: BlockChoice,
): ChosenBlocks {
  let best: Blocks | undefined;
  for (const lengthMs of lengthsMs) {
    if (lengthMs < atLeastMs) continue;
    const blocks = cutBlocks(atMs, values, lengthMs);
    if (blocks.count < minBlocks) {
      return best === undefined
        ? { ok: false, reason: "too few blocks", blocks }
        : { ok: false, reason: "too autocorrelated", blocks: best };
    }
    if (blocks.lag1 <= maxLag1) return { ok: true, blocks };
    best = blocks;
  }
  const blocks = best ?? cutBlocks(atMs, values, lengthsMs.at(-1) ?? 10_000);
  return { ok: false, reason: "too autocorrelated", blocks };
}
