import { createRandom } from "@umbra/shadow/statistics";

/** Seeded draws of the distributions that traffic is made of. */
export interface Draws {
  /** 0 (inclusive) to 1 (exclusive). */
  unit(): number;
  /** Standard normal. */
  normal(): number;
  exponential(mean: number): number;
}

/** Creates draws that are the same everywhere for the same seed. */
export function createDraws(seed: number): Draws {
  const { unit } = createRandom(seed);
  let spare = Number.NaN;
  const above0 = () => 1 - unit();
  return {
    unit,
    // Box and Muller (1958): two at a time.
    normal() {
      if (!Number.isNaN(spare)) {
        const kept = spare;
        spare = Number.NaN;
        return kept;
      }
      const radius = Math.sqrt(-2 * Math.log(above0()));
      const angle = 2 * Math.PI * unit();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    exponential: (mean) => -mean * Math.log(above0()),
  };
}

/** A seed from names and numbers: FNV-1a, 32 bits. */
export function seedFrom(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const char of parts.join("\n")) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash >>> 0;
}
