import { normalQuantile } from "./normal.ts";

/** From this number on, the expansion below is accurate to eight digits. */
const exactBelow = 200;

/**
 * Quantile of Student's t with `freedom` degrees of freedom.
 *
 * Few degrees: bisection of the exact distribution (Abramowitz and Stegun 26.7.3 and 26.7.4, whole degrees). Many:
 * the Cornish-Fisher expansion around the normal quantile (26.7.5, three terms).
 */
export function studentQuantile(p: number, freedom: number): number {
  if (p < 0.5) return -studentQuantile(1 - p, freedom);
  if (freedom >= exactBelow || !Number.isInteger(freedom)) return expansion(p, freedom);
  const ofFreedom = memory.get(freedom) ?? new Map<number, number>();
  const known = ofFreedom.get(p);
  if (known !== undefined) return known;
  const found = bisected(p, freedom);
  if (ofFreedom.size >= 100) ofFreedom.clear();
  memory.set(freedom, ofFreedom.set(p, found));
  return found;
}

/** Cache, because judging needs the same few values repeatedly: for each number of degrees, quantiles by p. */
const memory = new Map<number, Map<number, number>>();

function bisected(p: number, freedom: number): number {
  let [low, high] = [0, 1];
  while (distribution(high, freedom) < p && high < 1e15) high *= 2;
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (distribution(middle, freedom) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Cumulative probability at `t`, which must be at least 0. */
function distribution(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = isOdd ? 3 : 2; k < freedom; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const within = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return 0.5 + within / 2;
}

function expansion(p: number, freedom: number): number {
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
