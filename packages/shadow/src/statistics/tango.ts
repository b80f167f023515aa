import type { Bounds } from "./confidence-sequence.ts";
import { normalQuantile } from "./normal.ts";

/** Discordant pairs: `b` bad only in the shadow, `c` bad only in the primary, of `n` pairs. */
export interface Discordance {
  readonly b: number;
  readonly c: number;
  readonly n: number;
}

/**
 * Score interval for the difference (b - c) / n of two paired rates, two-sided at `confidence`.
 *
 * Tango (1998), Statistics in Medicine 17, 891-908; both ends by bisection.
 */
export function tangoInterval({ b, c, n }: Discordance, confidence: number): Bounds {
  const z = normalQuantile((1 + confidence) / 2);
  const difference = (b - c) / n;
  const score = (d: number): number => {
    const over = b - c - n * d;
    const A = 2 * n;
    const B = -b - c + (2 * n - b + c) * d;
    const C = -c * d * (1 - d);
    const q = (Math.sqrt(Math.max(0, B * B - 4 * A * C)) - B) / (2 * A);
    const variance = n * (2 * q + d * (1 - d));
    if (variance > 0) return over / Math.sqrt(variance);
    return over === 0 ? 0 : over > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  };
  return {
    lower: bisect(-1, difference, (d) => score(d) > z),
    upper: bisect(difference, 1, (d) => score(d) > -z),
  };
}

/** Finds by bisection where a condition that holds at `low` stops holding. */
function bisect(low: number, high: number, holds: (x: number) => boolean): number {
  let [from, to] = [low, high];
  for (let i = 0; i < 60; i++) {
    const middle = (from + to) / 2;
    if (holds(middle)) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}

/**
 * Two-sided exact p of McNemar's test (1947): binomial on the discordant pairs. It tests equality, not non-inferiority;
 * shown for reference.
 */
export function mcnemarExact({ b, c }: Pick<Discordance, "b" | "c">): number {
  const n = b + c;
  let [term, sum] = [-n * Math.LN2, 0];
  for (let k = 0; k <= Math.min(b, c); k++) {
    sum += Math.exp(term);
    term += Math.log((n - k) / (k + 1));
  }
  return Math.min(1, 2 * sum);
}
