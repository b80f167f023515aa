import { createRandom } from "../quality/random.ts";

/** What one round measured with a change and without it, in turns that follow each other. */
export interface PairedRound {
  readonly changed: readonly number[];
  readonly base: readonly number[];
}

export interface QuantileRatio {
  /** Medians over the rounds of each turn's own quantile. */
  readonly changed: number;
  readonly base: number;
  readonly ratio: number;
  /** Ends of the ratio's 95 % interval. */
  readonly lower: number;
  readonly upper: number;
}

const draws = 2_000;

/**
 * Ratio of a quantile, with an interval by the bootstrap of rounds: values of one turn depend on each other, so rounds are
 * drawn and not values. The median over the rounds leaves out turns in which the machine did something else.
 *
 * @param share of the values below the quantile, 0 to 1
 */
export function quantileRatio(rounds: readonly PairedRound[], share: number): QuantileRatio {
  const own = rounds.map(({ changed, base }) => ({
    ...{ changed: quantile(changed, share), base: quantile(base, share) },
  }));
  const random = createRandom(1);
  const ratios: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const drawn = own.map(() => own[Math.floor(random.next() * own.length)] as OwnQuantiles);
    ratios.push(median(drawn, "changed") / median(drawn, "base"));
  }
  const [changed, base] = [median(own, "changed"), median(own, "base")];
  const [lower, upper] = [quantile(ratios, 0.025), quantile(ratios, 0.975)];
  return { changed, base, ratio: changed / base, lower, upper };
}

interface OwnQuantiles {
  readonly changed: number;
  readonly base: number;
}

function median(rounds: readonly OwnQuantiles[], side: keyof OwnQuantiles): number {
  return quantile(
    rounds.map((round) => round[side]),
    0.5,
  );
}

/** @param share of the values below the quantile, 0 to 1 */
function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}
