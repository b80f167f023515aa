/** What one round measured with a change and without it, in turns that follow each other. */
export interface PairedRound {
  readonly changed: readonly number[];
  readonly base: readonly number[];
}

export interface QuantileRatio {
  /** Quantiles of all rounds together. */
  readonly changed: number;
  readonly base: number;
  readonly ratio: number;
  /** Ends of the ratio's 95 % interval. */
  readonly lower: number;
  readonly upper: number;
}

const draws = 2_000;

/**
 * Ratio of a quantile of all rounds together, with an interval by the bootstrap of rounds: values of one turn depend on
 * each other, so rounds are drawn and not values.
 *
 * @param share of the values below the quantile, 0 to 1
 */
export function quantileRatio(rounds: readonly PairedRound[], share: number): QuantileRatio {
  const random = seededRandom(1);
  const ratios: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const drawn = rounds.map(() => rounds[Math.floor(random() * rounds.length)] as PairedRound);
    ratios.push(quantileOf(drawn, "changed", share) / quantileOf(drawn, "base", share));
  }
  const [changed, base] = [quantileOf(rounds, "changed", share), quantileOf(rounds, "base", share)];
  const [lower, upper] = [quantile(ratios, 0.025), quantile(ratios, 0.975)];
  return { changed, base, ratio: changed / base, lower, upper };
}

/** @param share of the values below the quantile, 0 to 1 */
function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

function quantileOf(
  rounds: readonly PairedRound[],
  side: keyof PairedRound,
  share: number,
): number {
  return quantile(
    rounds.flatMap((round) => round[side]),
    share,
  );
}

/** The same draws each time, so that the same values have the same interval (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
