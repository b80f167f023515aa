import { normalQuantile } from "./normal.ts";

/**
 * Quantile of Student's t with `freedom` degrees of freedom, by the Cornish-Fisher expansion around the normal
 * quantile (Fisher and Cornish 1960; Abramowitz and Stegun 26.7.5, three terms). Error below 4e-6 from 19 degrees on.
 */
export function studentQuantile(p: number, freedom: number): number {
  const z = normalQuantile(p);
  const [z3, z5, z7] = [z ** 3, z ** 5, z ** 7];
  return (
    z +
    (z3 + z) / (4 * freedom) +
    (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom ** 3)
  );
}

/** Factor of the small-sample guard: t over z at 95 %, for `blocks` blocks. */
export function smallSampleFactor(blocks: number): number {
  return studentQuantile(0.95, Math.max(1, blocks - 1)) / normalQuantile(0.95);
}
