/** Seeded random numbers: the same seed gives the same run, byte for byte. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** Exponential, with this mean. */
  exponential(mean: number): number;
  /** Log-normal, with this median and sigma of the logarithm. */
  logNormal(median: number, sigma: number): number;
  /** Index 0 to `count - 1`, the i-th in proportion to 1 / (i + 1)^exponent. */
  zipf(count: number, exponent: number): number;
  /** Another one, independent of this one's later numbers. */
  fork(): Random;
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const tables = new Map<string, Float64Array>();

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  function zipfTable(count: number, exponent: number): Float64Array {
    const key = `${count} ${exponent}`;
    const known = tables.get(key);
    if (known !== undefined) return known;
    const table = new Float64Array(count);
    let total = 0;
    for (let i = 0; i < count; i++) {
      total += 1 / (i + 1) ** exponent;
      table[i] = total;
    }
    tables.set(key, table);
    return table;
  }

  return {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    exponential: (mean) => -mean * Math.log(1 - next()),
    logNormal(median, sigma) {
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
      return median * Math.exp(sigma * normal);
    },
    zipf(count, exponent) {
      const table = zipfTable(count, exponent);
      const drawn = next() * (table[count - 1] ?? 1);
      const found = table.findIndex((upTo) => drawn < upTo);
      return Math.max(0, found);
    },
    fork: () => createRandom(Math.floor(next() * 2 ** 32)),
  };
}
