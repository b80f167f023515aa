/**
 * Returns the ascending indices of the e-values that e-BH flags. The expected share of false flags is at most `q`, for
 * any dependence between the e-values.
 *
 * Wang and Ramdas (2022), JRSS-B 84(3), "False discovery rate control with e-values". `tested` is the number of
 * hypotheses, including those without evidence that are not in `eValues`. The values must be from one time: running
 * maxima are not e-values.
 */
export function eBenjaminiHochberg(
  eValues: readonly number[],
  q: number,
  tested: number = eValues.length,
): readonly number[] {
  const order = eValues.map((_, index) => index).sort((a, b) => at(eValues, b) - at(eValues, a));
  let flagged = 0;
  order.forEach((index, rank) => {
    if (at(eValues, index) >= tested / (q * (rank + 1))) flagged = rank + 1;
  });
  return order.slice(0, flagged).sort((a, b) => a - b);
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0;
}

/**
 * Variance of the effect over the variance of its estimate. 25 is near the optimum if a flag needs an e-value of some
 * hundreds.
 */
const effectVariance = 25;

/**
 * E-value that a mean is above its null value, from a t statistic with `freedom` degrees of freedom: the likelihood
 * ratio of a normal mixture of effects to no effect, for the upper side only. 0 if the statistic is not positive.
 *
 * Under the mixture t / sqrt(1 + g) has the same t distribution, so the ratio is a closed form (Gönen, Johnson, Lu and
 * Westfall 2005, The American Statistician 59, 252-257); half of a symmetric mixture doubles it. It grows with t, so
 * its mean is at most 1 also where the true mean is below the null value. Unlike the mixture with a known spread it
 * holds for a spread that was estimated from few swings of the load.
 */
export function upperEValue(t: number, freedom: number): number {
  if (!(t > 0)) return 0;
  const spread = 1 + effectVariance;
  if (t === Number.POSITIVE_INFINITY) return 2 * spread ** (freedom / 2);
  const ratio = (1 + (t * t) / freedom) / (1 + (t * t) / (spread * freedom));
  return (2 / Math.sqrt(spread)) * ratio ** ((freedom + 1) / 2);
}
