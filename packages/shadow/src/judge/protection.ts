import { moments } from "../statistics/blocks.ts";
import { meanBounds } from "../statistics/confidence-sequence.ts";
import type { Primaries } from "./partition.ts";

const minBlocks = 20;

interface Side {
  n: number;
  sum: number;
}

/**
 * How mirroring changed the primary's own latency: the lower anytime-valid bound of a ratio, 1 for no change; null before
 * there are 20 blocks with requests of both kinds.
 *
 * Compares primaries that were mirrored with primaries that were not, inside the same blocks of time. What is mirrored
 * is drawn at random, so this is a randomised test of whether mirroring hurts clients. Blocks weigh by
 * `n_m n_u / (n_m + n_u)`, the inverse variance of a difference of means.
 */
export function primaryProtection(
  { atMs, isMirrored, latencyMs }: Primaries,
  fromMs: number,
  blockMs: number,
  alpha: number,
): number | null {
  const blocks = new Map<number, { mirrored: Side; unmirrored: Side }>();
  for (let i = 0; i < atMs.length; i++) {
    const t0 = atMs[i] ?? 0;
    if (t0 < fromMs) continue;
    const at = Math.floor((t0 - fromMs) / blockMs);
    let block = blocks.get(at);
    if (block === undefined) {
      block = { mirrored: { n: 0, sum: 0 }, unmirrored: { n: 0, sum: 0 } };
      blocks.set(at, block);
    }
    const side = isMirrored[i] === true ? block.mirrored : block.unmirrored;
    side.n++;
    side.sum += Math.log(latencyMs[i] ?? 1);
  }
  const weights: number[] = [];
  const differences: number[] = [];
  for (const { mirrored, unmirrored } of blocks.values()) {
    if (mirrored.n === 0 || unmirrored.n === 0) continue;
    const weight = (mirrored.n * unmirrored.n) / (mirrored.n + unmirrored.n);
    weights.push(weight);
    differences.push(weight * (mirrored.sum / mirrored.n - unmirrored.sum / unmirrored.n));
  }
  if (weights.length < minBlocks) return null;
  return Math.exp(meanBounds(moments(weights, differences), alpha).lower);
}
