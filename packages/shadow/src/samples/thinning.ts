import type { Sample } from "./sample.ts";

/** Which samples a full store keeps. */
export interface Thinning {
  keeps(sample: Sample): boolean;
  /** One more is kept. */
  count(sample: Sample): void;
  /** Of the larger kind every second one goes; what stays is to be counted again. */
  halve(): void;
}

/**
 * Keeps samples by the low bits of their ids' hashes. Requests that were drawn and those that were not are thinned by
 * themselves: one kind may be ten times as many.
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

/** FNV-1a with a last mix, so that low bits depend on all of the id. */
function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return (hash ^ (hash >>> 15)) >>> 0;
}
