import type { Bounds } from "../statistics/confidence-sequence.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import { tangoInterval } from "../statistics/tango.ts";

/** A mean of paired differences, with its two-sided interval at `level`; bounds are null with too few pairs. */
export interface Estimate {
  readonly n: number;
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly level: number;
}

const level = 0.95;

/** Rates of two sides over the same requests. */
export interface PairedRates {
  readonly n: number;
  /** Rate of each side, 0 to 1. */
  readonly first: number;
  readonly second: number;
  /** Second minus first, by Tango's interval. */
  readonly difference: Estimate;
}

/** Counts how often something is true on each side. */
export interface RateCounter {
  add(first: boolean, second: boolean): void;
  /** Undefined without a pair. */
  rates(): PairedRates | undefined;
}

/** Creates a counter of paired rates. */
export function createRateCounter(): RateCounter {
  let [n, both, onlyFirst, onlySecond] = [0, 0, 0, 0];
  return {
    add(first, second) {
      n++;
      if (first && second) both++;
      else if (first) onlyFirst++;
      else if (second) onlySecond++;
    },
    rates() {
      if (n === 0) return undefined;
      const bounds = tangoInterval({ b: onlySecond, c: onlyFirst, n }, level);
      return {
        n,
        first: (both + onlyFirst) / n,
        second: (both + onlySecond) / n,
        difference: { n, estimate: (onlySecond - onlyFirst) / n, ...bounds, level },
      };
    },
  };
}

/** Adds up values. */
export interface MeanCounter {
  readonly n: number;
  add(value: number): void;
  /** Mean with Student's interval; undefined without a value. */
  mean(): Estimate | undefined;
}

/** Creates a counter of a mean, by Welford's method. */
export function createMeanCounter(): MeanCounter {
  let [n, mean, squares] = [0, 0, 0];

  function bounds(): Bounds | undefined {
    if (n < 2) return undefined;
    const error = Math.sqrt(squares / (n - 1) / n);
    const radius = studentQuantile((1 + level) / 2, n - 1) * error;
    return { lower: mean - radius, upper: mean + radius };
  }

  return {
    get n() {
      return n;
    },
    add(value) {
      n++;
      const distance = value - mean;
      mean += distance / n;
      squares += distance * (value - mean);
    },
    mean() {
      if (n === 0) return undefined;
      const { lower = null, upper = null } = bounds() ?? {};
      return { n, estimate: mean, lower, upper, level };
    },
  };
}
