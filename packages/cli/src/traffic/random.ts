/** A repeatable random source (mulberry32), uniform in [0, 1): the same seed makes the same traffic. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Around `mean`, never below 1: lengths of prompts and answers are skewed, as in production. */
export function skewedLength(mean: number, random: () => number): number {
  return Math.max(1, Math.round(-Math.log(1 - random()) * mean * 0.7 + mean * 0.3));
}

export function oneOf<T>(choices: readonly [T, ...T[]], random: () => number): T {
  return choices[Math.floor(random() * choices.length)] ?? choices[0];
}
