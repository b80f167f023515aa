/** A histogram for Prometheus. */
export interface Distribution {
  /** Upper bounds, ascending. Values above the last bound are counted too. */
  readonly bounds: readonly number[];
  /** Counts by bound, not cumulative, with one more for values above the last bound. */
  readonly counts: Float64Array;
  readonly sum: number;
  /** Takes about 10 ns. Ignores NaN. */
  observe(value: number): void;
}

export function createDistribution(bounds: readonly number[]): Distribution {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    bounds,
    counts,
    get sum() {
      return sum;
    },
    observe(value) {
      if (!Number.isFinite(value)) return;
      let low = 0;
      let high = bounds.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (value <= (bounds[middle] as number)) high = middle;
        else low = middle + 1;
      }
      counts[low] = (counts[low] as number) + 1;
      sum += value;
    },
  };
}
