/** A stream of pseudo-random numbers that is the same everywhere for the same seed. */
export interface Random {
  /** A whole number, 0 to 2^32 - 1. */
  u32(): number;
  /** 0 (inclusive) to 1 (exclusive). */
  unit(): number;
  /** A whole number, 0 to `n` - 1. */
  below(n: number): number;
}

/**
 * Creates xoshiro128** (Blackman and Vigna 2021, ACM TOMS 47(4)), seeded through SplitMix32. Not for secrets.
 */
export function createRandom(seed: number): Random {
  let a = seed | 0;
  const next = (): number => {
    a = (a + 0x9e3779b9) | 0;
    let t = a ^ (a >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) >>> 0;
  };
  let [s0, s1, s2, s3] = [next(), next(), next(), next()];

  function u32(): number {
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotate(s3, 11);
    return result;
  }

  const unit = () => u32() / 2 ** 32;
  return { u32, unit, below: (n) => Math.floor(unit() * n) };
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}
