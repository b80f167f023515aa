import type { Sample } from "./sample.ts";

/** Decides which samples a full store keeps. */
export interface Thinning {
  keeps(sample: Sample): boolean;
  /** Counts a sample that is kept. */
  count(sample: Sample): void;
  /** Decides to remove every second sample of the larger kind. The remaining samples must be counted again. */
  halve(): void;
}

/**
 * Keeps samples by the low bits of the hashes of their ids. Drawn and not drawn requests are thinned separately,
 * because one kind may be ten times as frequent.
 */
export function createThinning(): Thinning {
  const masks = { drawn: 0, undrawn: 0 };
  let counts = { drawn: 0, undrawn: 0 };
  return {
    keeps: (sample) => (hashOf(sample.id) & masks[kindOf(sample)]) === 0,
    count(sample) {
      counts[kindOf(sample)]++;
    },
    halve() {
      const larger = counts.drawn >= counts.undrawn ? "drawn" : "undrawn";
      masks[larger] = masks[larger] * 2 + 1;
      counts = { drawn: 0, undrawn: 0 };
    },
  };
}

function kindOf({ mirrored, drop }: Sample): "drawn" | "undrawn" {
  return mirrored || drop !== null ? "drawn" : "undrawn";
}

/** FNV-1a with a final mix, so that the low bits depend on the whole id. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return (hash ^ (hash >>> 15)) >>> 0;
}
