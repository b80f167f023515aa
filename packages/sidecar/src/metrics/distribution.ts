/** Counts of observations by size, as a Prometheus histogram shows them. */
export interface Distribution {
  /** Upper bounds, ascending; what is above the last is counted too. */
  readonly bounds: readonly number[];
  /** By bound, not cumulated; one more for what is above. */
  readonly counts: Float64Array;
  readonly sum: number;
  /** Costs some 10 ns. What is no number is left out. */
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
