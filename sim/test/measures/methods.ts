import { createDraws } from "../../evaluation/draws.ts";
import { methods } from "../../evaluation/methods/list.ts";
import type { Decision, Limits, PairedSeries } from "../../evaluation/methods/method.ts";

export const limits: Limits = { margin: Math.log(1.1), passAlpha: 0.05, failAlpha: 0.005 };
const span = { fromS: 120, toS: 1_800 };

/** Pairs that are independent and normal, two a second, with this mean of the log ratio. */
export function independentPairs(seed: number, meanLog: number): PairedSeries {
  const draws = createDraws(seed);
  const size = 3_360;
  const logRatio = Float64Array.from({ length: size }, () => meanLog + 0.35 * draws.normal());
  const base = logRatio.map(() => 200 * Math.exp(0.3 * draws.normal()));
  // Half of the noise on each lane: equal lanes have equal means.
  const lane = (side: -1 | 1) =>
    base.map((ms, i) => ms * Math.exp((side * (logRatio[i] ?? 0) + meanLog) / 2));
  return {
    ...span,
    atS: Float64Array.from({ length: size }, (_, i) => span.fromS + i / 2),
    primary: lane(-1),
    shadow: lane(1),
    logRatio,
  };
}

/** Verdicts of each method on `runs` series, in per cent. */
export function verdictShares(meanLog: number, runs: number) {
  const shares = Object.keys(methods).map((name) => [name, { PASS: 0, FAIL: 0, OPEN: 0 }] as const);
  const counts: Record<string, Record<Decision["verdict"], number>> = Object.fromEntries(shares);
  for (let seed = 1; seed <= runs; seed++) {
    const series = independentPairs(seed, meanLog);
    for (const [name, judge] of Object.entries(methods)) {
      const of = counts[name];
      if (of !== undefined) of[judge(series, limits).verdict] += 100 / runs;
    }
  }
  return counts;
}
