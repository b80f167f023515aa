import type { Blocks } from "./blocks.ts";
import { smallSampleFactor } from "./student-t.ts";

/**
 * Number of blocks at which the sequence is narrowest. Fixed in advance for every gate, because a choice from data
 * would add error.
 */
const narrowestAt = 60;

/** rho^2 of the normal mixture, from the closed approximation to its optimum at `blocks` blocks. */
export function mixtureVariance(blocks: number = narrowestAt): number {
  const q = -2 * Math.log(0.1);
  return (q + Math.log(q + 1)) / blocks;
}

/**
 * Half width of the asymptotic confidence sequence for a mean with unit variance after `blocks` blocks, at error
 * `alpha` on each side. Valid at all analyses simultaneously. `narrowest` is the number of blocks at which it is
 * narrowest, fixed in advance.
 *
 * Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52(6), conjugate-mixture boundary; R
 * package `sequential.causal`, `std_conjmix_margin`.
 */
export function unitHalfWidth(
  blocks: number,
  alpha: number,
  narrowest: number = narrowestAt,
): number {
  const rho2 = mixtureVariance(narrowest);
  const spread = blocks * rho2 + 1;
  return Math.sqrt(
    ((2 * spread) / (blocks ** 2 * rho2)) * Math.log(Math.sqrt(spread) / (2 * alpha)),
  );
}

export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

/** Anytime-valid bounds of the blocks' mean, at error `alpha` on each side, widened by t over z for few blocks. */
export function meanBounds(
  { mean, sd, count }: Pick<Blocks, "mean" | "sd" | "count">,
  alpha: number,
): Bounds {
  const radius = sd * unitHalfWidth(count, alpha) * smallSampleFactor(count);
  return { lower: mean - radius, upper: mean + radius };
}
