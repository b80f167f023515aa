import { normalQuantile, quantile } from "@umbra/shadow/statistics";
import type { Method } from "./method.ts";

/** Kayenta's defaults: confidence of the interval, and the share of the estimate that it must clear. */
const [confidence, tolerance] = [0.98, 0.25];
const bucketS = 60;

/**
 * As Kayenta judges a canary: means of each minute on both lanes, Mann and Whitney's test with Hodges and Lehmann's
 * interval, unpaired. Whatever is not classified as "High" passes.
 */
export const mannWhitney: Method = ({ atS, primary, shadow, fromS, toS }) => {
  const minutes = Math.max(1, Math.ceil((toS - fromS) / bucketS));
  const buckets = Array.from({ length: minutes }, () => ({ n: 0, primary: 0, shadow: 0 }));
  for (const [i, at] of atS.entries()) {
    const bucket = buckets[Math.min(minutes - 1, Math.floor((at - fromS) / bucketS))];
    if (bucket === undefined) continue;
    bucket.n++;
    bucket.primary += primary[i] ?? 0;
    bucket.shadow += shadow[i] ?? 0;
  }
  const filled = buckets.filter(({ n }) => n > 0);
  const before = filled.map((bucket) => bucket.primary / bucket.n);
  const after = filled.map((bucket) => bucket.shadow / bucket.n);
  const { estimate, lower } = shiftOf(before, after);
  return { verdict: lower > tolerance * Math.abs(estimate) ? "FAIL" : "PASS", atS: toS };
};

/** Hodges and Lehmann's shift of `after` against `before`, with the lower end of its interval by Mann and Whitney's statistic. */
export function shiftOf(
  before: readonly number[],
  after: readonly number[],
): { readonly estimate: number; readonly lower: number } {
  const differences = Float64Array.from(after.flatMap((b) => before.map((a) => b - a))).sort();
  const [products, all] = [differences.length, before.length + after.length];
  const spread = Math.sqrt((products * (all + 1)) / 12);
  const rank = Math.floor(products / 2 - normalQuantile((1 + confidence) / 2) * spread);
  return {
    estimate: quantile(differences, 0.5),
    lower: differences[Math.max(0, rank)] ?? Number.NaN,
  };
}
