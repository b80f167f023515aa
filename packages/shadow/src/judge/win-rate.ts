import type { JudgeStratum } from "../judge-model/pair-draw.ts";
import { createBernsteinSequence } from "../statistics/bernstein-sequence.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { hasResult, type JudgedPair } from "./judged-pairs.ts";

/** Share of all compared pairs in which the shadow is better, where a tie is half. */
export interface WinRate extends Bounds {
  readonly mu: number;
}

const strata: readonly JudgeStratum[] = ["equal", "near", "far"];

/**
 * Estimates the win rate over all compared pairs from those that were judged, stratum by stratum: equal answers are ties.
 * The bounds hold at every analysis, at error `alpha` for both sides together. Undefined where a stratum has no result.
 */
export function winRate(pairs: readonly JudgedPair[], alpha: number): WinRate | undefined {
  const found = strata.map((stratum) => inStratum(pairs, stratum, alpha / 2));
  if (pairs.length === 0 || found.some((each) => each === undefined)) return undefined;
  const sum = (of: (each: WinRate) => number) =>
    found.reduce((all, each) => all + (each === undefined ? 0 : of(each)), 0);
  return {
    mu: sum(({ mu }) => mu),
    lower: sum((each) => each.lower),
    upper: sum((each) => each.upper),
  };
}

/** A stratum's part of the win rate. Undefined if it has pairs and no result. */
function inStratum(
  pairs: readonly JudgedPair[],
  stratum: JudgeStratum,
  alpha: number,
): WinRate | undefined {
  const own = pairs.filter((pair) => pair.stratum === stratum);
  const share = own.length / Math.max(1, pairs.length);
  if (own.length === 0 || stratum === "equal") {
    return { mu: share / 2, lower: share / 2, upper: share / 2 };
  }
  const sequence = createBernsteinSequence(alpha);
  let sum = 0;
  for (const pair of own) {
    if (!hasResult(pair)) continue;
    sequence.add(pair.judged.w);
    sum += pair.judged.w;
  }
  if (sequence.count === 0) return undefined;
  const { lower, upper } = sequence.bounds;
  return { mu: (share * sum) / sequence.count, lower: share * lower, upper: share * upper };
}
