import type { GateReason, GateResult, Interval } from "../report/shadow-report.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { normalQuantile } from "../statistics/normal.ts";
import type { EvaluationConfig, GateId } from "./config.ts";

/** Error probabilities for judging gates. */
export interface GateContext {
  readonly config: EvaluationConfig;
  /** Probability of a wrong PASS at this stage (one-sided). */
  readonly alpha: number;
  /**
   * Probabilities of a wrong FAIL: `each` for one of the required gates, `typical` for one of the typical ratios among
   * them.
   */
  readonly failAlpha: { readonly each: number; readonly typical: number };
  readonly isFinal: boolean;
  readonly seedOf: (gate: string) => number;
}

/** Creates the result of a gate without data. `margin` is on the scale of the gate's values. */
export function blank(
  id: GateId,
  kind: GateResult["kind"],
  { gates }: EvaluationConfig,
): GateResult {
  const { required, margin } = gates[id];
  return {
    ...{ id, required, kind, status: "INCONCLUSIVE", reason: null },
    ...{ primary: null, shadow: null, estimate: null, interval: null, fail_interval: null },
    ...{ decided_at: null, smallest_detectable: null },
    method: "",
    margin: kind === "ratio" ? 1 + margin : margin,
    margin_low: null,
    ...{ n: 0, events: null, blocks: null, block_s: null, lag1: null },
    ...{ e_value: null, e_needed: null },
    look: "anytime",
    eta_s: null,
  };
}

/** Interval with an error of `alpha` on each side. */
export function intervalOf({ lower, upper }: Bounds, alpha: number): Interval {
  return { lower: finite(lower), upper: finite(upper), level: 1 - 2 * alpha };
}

/** Like `intervalOf`, from bounds of logarithms. */
export function ratioInterval({ lower, upper }: Bounds, alpha: number): Interval {
  return intervalOf({ lower: Math.exp(lower), upper: Math.exp(upper) }, alpha);
}

/** Power for the smallest detectable change. */
const powered = normalQuantile(0.8);

/**
 * Smallest change that would be found with 80 % power, from the upper bound and the estimate of one analysis, both on
 * the scale of `kind`. `quantile` is the number of standard errors between them.
 */
export function smallestDetectable(
  kind: GateResult["kind"],
  estimate: number,
  upper: number,
  quantile: number = normalQuantile(0.95),
): number | null {
  const reach = (1 + powered / quantile) * (upper - estimate);
  return finite(kind === "ratio" ? Math.exp(reach) : reach);
}

const maxEtaS = 86_400;

/**
 * Estimates how many more seconds after `spanS` the upper bound needs to fall below the margin. Assumes that the
 * estimate stays and the bound approaches it with the square root of time; all values are on one scale. Null if never
 * or not within a day.
 */
export function etaOf(
  { estimate, upper, margin }: Readonly<Record<"estimate" | "upper" | "margin", number>>,
  spanS: number,
): number | null {
  if (!(estimate < margin)) return null;
  const times = ((upper - estimate) / (margin - estimate)) ** 2;
  const seconds = Math.max(0, times - 1) * spanS;
  return seconds > maxEtaS ? null : seconds;
}

export const atEnd: GateReason = {
  code: "at_end",
  has: null,
  needs: null,
  text: "judged at the planned end",
};

export const tooClose: GateReason = {
  code: "too_close",
  has: null,
  needs: null,
  text: "could still be over the margin",
};

export function tooFewPairs(has: number, needs: number): GateReason {
  return { code: "too_few_pairs", has, needs, text: `needs ${needs} pairs, has ${has}` };
}

export function tooFewBlocks(has: number, needs: number, blockMs: number): GateReason {
  const text = `needs ${needs} blocks of ${blockMs / 1_000} s, has ${has}`;
  return { code: "too_few_blocks", has, needs, text };
}

export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
