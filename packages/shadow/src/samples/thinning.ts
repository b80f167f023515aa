import type { Sample } from "./sample.ts";

/** Decides which samples a full store keeps. */
export interface Thinning {
  keeps(sample: Sample): boolean;
  /** Counts a sample that is kept. */
  count(sample: Sample): void;
  /** Decides to remove every second sample of the larger kind. The remaining samples must be counted again. */
  halve(): void;
  readonly kept: KeptShares;
  /**
   * Keeps no more than these shares. Returns true if samples have to be removed: the remaining samples must be counted
   * again.
   */
  thinTo(shares: KeptShares): boolean;
}

/**
 * Which samples are kept, by kind: 1 of so many, a power of two. Stores with equal shares keep the same requests,
 * however these were split among them.
 */
export interface KeptShares {
  readonly drawn: number;
  readonly undrawn: number;
}

/** Largest power of two of a share. */
const maxOneOf = 2 ** 31;

/** Parses shares of any origin; undefined unless both are powers of two. */
export function parseKeptShares(json: unknown): KeptShares | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const { drawn, undrawn } = json as Readonly<Record<string, unknown>>;
  return isShare(drawn) && isShare(undrawn) ? { drawn, undrawn } : undefined;
}

function isShare(value: unknown): value is number {
  return (
    typeof value === "number" &&
    value <= maxOneOf &&
    value >= 1 &&
    Number.isInteger(Math.log2(value))
  );
}

/** Returns true if a store that keeps these shares keeps the sample. */
export function isKept(sample: Sample, shares: KeptShares): boolean {
  return (hashOf(sample.id) & (shares[kindOf(sample)] - 1)) === 0;
}

/**
 * Keeps samples by the low bits of the hashes of their ids. Drawn and not drawn requests are thinned separately,
 * because one kind may be ten times as frequent.
 */
export function createThinning(): Thinning {
  const kept = { drawn: 1, undrawn: 1 };
  let counts = { drawn: 0, undrawn: 0 };
  return {
    keeps: (sample) => isKept(sample, kept),
    count(sample) {
      counts[kindOf(sample)]++;
    },
    halve() {
      const larger = counts.drawn >= counts.undrawn ? "drawn" : "undrawn";
      kept[larger] *= 2;
      counts = { drawn: 0, undrawn: 0 };
    },
    get kept() {
      return { ...kept };
    },
    thinTo({ drawn, undrawn }) {
      if (drawn <= kept.drawn && undrawn <= kept.undrawn) return false;
      kept.drawn = Math.max(kept.drawn, drawn);
      kept.undrawn = Math.max(kept.undrawn, undrawn);
      counts = { drawn: 0, undrawn: 0 };
      return true;
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
