import type { GateReason, GateResult, Interval } from "../report/shadow-report.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { normalQuantile } from "../statistics/normal.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import type { EvaluationConfig, GateId } from "./config.ts";

/** What every gate is judged with. */
export interface GateContext {
  readonly config: EvaluationConfig;
  /** One-sided error of a wrong PASS at this stage. */
  readonly alpha: number;
  /** The same at the next stage, which a time to go leads to. */
  readonly nextAlpha: number;
  /** Errors of a wrong FAIL: what all required gates, and what all typical ratios among them share evenly. */
  readonly failAlpha: { readonly each: number; readonly typical: number };
  readonly isFinal: boolean;
  readonly seedOf: (gate: string) => number;
}

/** A gate of which nothing is known yet. `margin`: as the gate's values have it. */
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

/** Bounds at an error of `alpha` on each side. */
export function intervalOf({ lower, upper }: Bounds, alpha: number): Interval {
  return { lower: finite(lower), upper: finite(upper), level: 1 - 2 * alpha };
}

/** The same of logarithms. */
export function ratioInterval({ lower, upper }: Bounds, alpha: number): Interval {
  return intervalOf({ lower: Math.exp(lower), upper: Math.exp(upper) }, alpha);
}

/** Power that the smallest change which is found has. */
const powered = normalQuantile(0.8);

/**
 * Smallest change found with 80 % power: from one look's upper bound over its estimate, both on the scale of `kind`.
 * `quantile`: standard errors between the two.
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

/** How much wider bounds of so many degrees of freedom are at the next stage, which has a part of the error alone. */
export function widerNext({ alpha, nextAlpha }: GateContext, freedom: number): number {
  return studentQuantile(1 - nextAlpha, freedom) / studentQuantile(1 - alpha, freedom);
}

/**
 * How much longer than `spanS` until the upper bound is under the margin, if the estimate stays as it is and the bound
 * comes nearer with the root of time, once it is `widening` times as far; all on one scale. In seconds; null when never, or not within a day.
 */
export function etaOf(
  { estimate, upper, margin }: Readonly<Record<"estimate" | "upper" | "margin", number>>,
  spanS: number,
  widening: number,
): number | null {
  if (!(estimate < margin)) return null;
  const times = ((widening * (upper - estimate)) / (margin - estimate)) ** 2;
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
