import { mixtureVariance } from "@umbra/shadow/statistics";
import { decide, type Method, runningMoments } from "./method.ts";

const [minPairs, lookEvery] = [200, 30];
/** Where the bounds are narrowest, in pairs. */
const narrowestAt = 2_000;

/**
 * The mixture sequential probability ratio test on pairs (Robbins 1970; Johari et al. 2022, "Always valid inference"):
 * bounds that hold at every look, for independent pairs.
 */
export const mixtureSprt: Method = ({ logRatio, atS, toS }, limits) => {
  const all = runningMoments();
  for (const [i, value] of logRatio.entries()) {
    all.add(value);
    if (all.count < minPairs || all.count % lookEvery !== 0) continue;
    const { mean, sd, count } = all;
    const [passRadius, failRadius] = [
      sd * halfWidth(count, limits.passAlpha),
      sd * halfWidth(count, limits.failAlpha),
    ];
    const verdict = decide({ mean, passRadius, failRadius }, limits);
    if (verdict !== "OPEN") return { verdict, atS: atS[i] ?? toS };
  }
  return { verdict: "OPEN", atS: toS };
};

function halfWidth(count: number, alpha: number): number {
  const rho2 = mixtureVariance(narrowestAt);
  const spread = count * rho2 + 1;
  return Math.sqrt(
    ((2 * spread) / (count * count * rho2)) * Math.log(Math.sqrt(spread) / (2 * alpha)),
  );
}
