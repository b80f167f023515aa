/** Accumulated evidence against a null hypothesis. Crossing ln(1/alpha) once, at any time, rejects at alpha. */
export interface EProcess {
  /** `z`: from -1 to 1, the paired difference of two indicators, or a mean of such. */
  add(z: number): void;
  readonly logE: number;
  /** Largest value so far, to which Ville's inequality applies. */
  readonly maxLogE: number;
  /** Pairs added. */
  readonly count: number;
}

/**
 * Betting e-process for a rate difference.
 *
 * `below`: evidence that the mean of z is under `margin` (null: at or above it). `above`: that it is over. Needs no
 * normal approximation, but it does need that under the null the mean of z, *given the past*, is on the null's side at
 * every step. Load and outages that last break this: the mean swings around its long-run value, and bets follow the
 * swing. In such cases, use it together with a bound of the long-run mean. Waudby-Smith and Ramdas (2024), JRSS-B
 * 86(1), "Estimating means of bounded random variables by betting"; the bet is Kelly's, from the running mean and
 * variance, capped at `mostStaked` of what could ruin it: half when absent. More suits values that are means of several,
 * which are rarely near 1.
 */
export function createEProcess(
  margin: number,
  side: "below" | "above",
  { mostStaked = 0.5 }: { readonly mostStaked?: number } = {},
): EProcess {
  const sign = side === "below" ? 1 : -1;
  const cap = mostStaked / (1 - sign * margin);
  let [i, sum, squares, logE, maxLogE] = [0, 0, 0, 0, 0];
  return {
    add(z) {
      i++;
      const g = sign * (margin - z);
      // The prior sample is one 0 with variance 1/4.
      const mean = sum / i;
      const variance = (0.25 + squares) / i;
      const bet = mean <= 0 ? 0 : Math.min(mean / (variance + mean * mean), cap);
      if (bet > 0) {
        logE += Math.log1p(bet * g);
        maxLogE = Math.max(maxLogE, logE);
      }
      const before = i === 1 ? 0 : sum / (i - 1);
      const distance = g - before;
      sum += g;
      squares += distance * (g - sum / i);
    },
    get logE() {
      return logE;
    },
    get maxLogE() {
      return maxLogE;
    },
    get count() {
      return i;
    },
  };
}
