import type { Blocks } from "./blocks.ts";
import { type Bounds, unitHalfWidth } from "./confidence-sequence.ts";
import { normalQuantile } from "./normal.ts";
import { studentQuantile } from "./student-t.ts";

/**
 * Uncertainty of a mean under sustained load: latencies in adjacent time blocks are correlated, so the deviation of the
 * blocks underestimates it. Blocks are short here, and no block length has to be chosen.
 */
export type Influences = Float64Array;

/** Fewest blocks for estimating their correlation, and so for any decision about a mean. */
export const minBlocks = 20;

/** Contribution of each block to the mean; `sum(influences) / K` is 0. */
export function influencesOf({
  count,
  counts,
  sums,
  size,
  mean,
}: Pick<Blocks, "count" | "counts" | "sums" | "size" | "mean">): Influences {
  const perBlock = size / count;
  return Float64Array.from({ length: count }, (_, k) => {
    const influence = ((sums[k] ?? 0) - (counts[k] ?? 0) * mean) / perBlock;
    // Rounding errors of equal values are not a deviation.
    return Math.abs(influence) < 1e-12 * Math.max(1, Math.abs(mean)) ? 0 : influence;
  });
}

/** Degrees of freedom of `cosineSd`: the number of cosine terms. */
export function cosines(blocks: number): number {
  return blocks < 100 ? 6 : 8;
}

/**
 * Long-run standard deviation by equal-weighted cosines (EWC): the mean power of the lowest-frequency terms. The mean's
 * standard error is this over the root of the number of blocks; quantiles are Student's with `cosines` degrees of
 * freedom.
 *
 * Lazarus, Lewis, Stock and Watson (2018), Journal of Business and Economic Statistics 36(4), 541-559.
 */
export function cosineSd(influences: Influences): number {
  return meanPower(influences, () => 1);
}

/** The most that a wave's power is raised by: the memory is itself uncertain, and power is lost with it. */
const mostRise = 0.5;

/**
 * `cosineSd` for sustained load, against whose memory the waves are no longer slow. An exponential memory of m blocks
 * divides the power of wave j by 1 + (pi j m / K)^2; the weight undoes this.
 *
 * The spectrum of an Ornstein-Uhlenbeck process; recolouring as in Andrews and Monahan (1992), Econometrica 60(4), 953-966.
 */
export function longRunSd(influences: Influences): number {
  const perWave = (Math.PI * memoryOf(influences)) / influences.length;
  return meanPower(influences, (j) => 1 + Math.min(mostRise, (j * perWave) ** 2));
}

/** Root of the mean power of the slowest waves, each times its weight. */
function meanPower(influences: Influences, weightOf: (wave: number) => number): number {
  const blocks = influences.length;
  const waves = cosines(blocks);
  let power = 0;
  for (let j = 1; j <= waves; j++) {
    let wave = 0;
    for (let k = 0; k < blocks; k++) {
      wave += (influences[k] ?? 0) * Math.cos((Math.PI * j * (k + 0.5)) / blocks);
    }
    power += weightOf(j) * (2 / blocks) * wave * wave;
  }
  return Math.sqrt(power / waves);
}

/** Bounds for a single analysis, at error `alpha` on each side. */
export function cosineBounds(mean: number, influences: Influences, alpha: number): Bounds {
  const blocks = influences.length;
  const quantile = studentQuantile(1 - alpha, cosines(blocks));
  const radius = (quantile * longRunSd(influences)) / Math.sqrt(blocks);
  return { lower: mean - radius, upper: mean + radius };
}

/**
 * Long-run standard deviation by a first-order autoregression. More stable than `cosineSd` with few blocks, and
 * therefore used for interim analyses. The correlation is corrected for its small-sample bias (Kendall 1954), more so
 * if it is strong. `leastSd`: what the blocks deviate by at least.
 */
function autoregressiveSd(
  influences: Influences,
  leastSd: number,
): {
  readonly sd: number;
  readonly freedom: number;
} {
  const blocks = influences.length;
  const own = autocovariance(influences, 0);
  const variance = Math.max(own, leastSd ** 2);
  if (variance === 0) return { sd: 0, freedom: blocks - 1 };
  const found = own === 0 ? 0 : autocovariance(influences, 1) / own;
  const lag1 = Math.min(0.97, Math.max(0, corrected(found, blocks)));
  const sd = Math.sqrt(((variance * blocks) / (blocks - 1)) * ((1 + lag1) / (1 - lag1)));
  // As many independent blocks would tell the variance as well: Bartlett (1935).
  const freedom = Math.floor(((blocks - 1) * (1 - lag1 ** 2)) / (1 + lag1 ** 2));
  return { sd, freedom: Math.max(1, freedom) };
}

/**
 * What few blocks hide: a load that lasts as long as they do moves their mean and not their deviation. So they are
 * taken to deviate as if a load made at least this share of the variance of single values. Calibrated by simulation: a
 * larger share finds a slower shadow later (`load 5 s: 1.3x`), a smaller one fails more equal ones (`load 120 s: equal`).
 */
const assumedShare = 2 / 9;
/** Blocks from which on the assumed share decreases, as one over their number: eight minutes. */
const assumedUntil = 48;

function assumedSd(valueSd: number, blocks: number): number {
  return valueSd * Math.sqrt(assumedShare * Math.min(1, assumedUntil / blocks));
}

/** Blocks after which the sequence is narrowest: early, so that a clearly slower shadow is stopped soon. */
const narrowestAt = 24;

/**
 * Anytime-valid bounds of the mean at error `alpha` on each side: the confidence sequence on the autoregressive scale.
 * Undefined while there are too few blocks, or too few swings of the load in them.
 */
export function anytimeBounds(
  { mean, valueSd }: Pick<Blocks, "mean" | "valueSd">,
  influences: Influences,
  alpha: number,
): Bounds | undefined {
  const blocks = influences.length;
  if (blocks < minBlocks || blocks < minSwings * memoryOf(influences)) return undefined;
  const { sd, freedom } = autoregressiveSd(influences, assumedSd(valueSd, blocks));
  const widened = studentQuantile(1 - alpha, freedom) / normalQuantile(1 - alpha);
  const radius = sd * unitHalfWidth(blocks, alpha, narrowestAt) * widened;
  return { lower: mean - radius, upper: mean + radius };
}

/** Swings of the load needed for an early bound. */
const minSwings = 12;

/**
 * Time constant of the load in blocks, from the decay of the autocovariance; 0 if blocks are uncorrelated. Corrected
 * for its bias, because few blocks underestimate it.
 */
export function memoryOf(influences: Influences): number {
  const blocks = influences.length;
  const at = [0, 1, 2, 3, 4].map((lag) => autocovariance(influences, lag));
  const [variance = 0, first = 0, second = 0, third = 0, fourth = 0] = at;
  if (!(first > (2 / Math.sqrt(blocks)) * variance)) return 0;
  const [before, behind] = [first + second + third, second + third + fourth];
  if (behind <= 0 || before <= 0) return 0;
  const decay = corrected(Math.min(0.99, behind / before), blocks);
  return -1 / Math.log(Math.min(0.985, decay));
}

function corrected(correlation: number, blocks: number): number {
  const strong = 8 * Math.max(0, correlation) ** 3;
  return correlation + (1 + 3 * correlation + strong) / blocks;
}

function autocovariance(influences: Influences, lag: number): number {
  let sum = 0;
  for (let k = lag; k < influences.length; k++) {
    sum += (influences[k] ?? 0) * (influences[k - lag] ?? 0);
  }
  return sum / influences.length;
}
