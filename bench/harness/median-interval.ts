import { median } from "./child.ts";

/** A median, and an interval that holds the true one in at least 95 of 100 runs. */
export interface MedianWithInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** By the order of the values alone (the sign test), so nothing is assumed of how they are spread. Wants six or more. */
export function medianWithInterval(values: readonly number[]): MedianWithInterval {
  const sorted = values.toSorted((a, b) => a - b);
  const left = outsideOf(sorted.length);
  return {
    median: median(sorted),
    low: sorted[left] ?? Number.NaN,
    high: sorted[sorted.length - 1 - left] ?? Number.NaN,
  };
}

/** How many values at each end may lie outside of the interval: those tails of a binomial hold 2.5 % at most. */
function outsideOf(count: number): number {
  let [outside, share] = [0, 0.5 ** count];
  let tail = share;
  while (tail <= 0.025) {
    share *= (count - outside) / (outside + 1);
    outside++;
    tail += share;
  }
  return Math.max(0, outside - 1);
}
