import type { TimedSample } from "../traffic/samples.ts";
import { startMs } from "../traffic/samples.ts";

/** The pairs that a method compares, in the order of their dispatch. */
export interface PairedSeries {
  /** The judged part of the run, in s from its start. */
  readonly fromS: number;
  readonly toS: number;
  readonly atS: Float64Array;
  /** TTFT in ms. */
  readonly primary: Float64Array;
  readonly shadow: Float64Array;
  readonly logRatio: Float64Array;
}

export interface Limits {
  /** Logarithm of the largest ratio that is good enough. */
  readonly margin: number;
  /** Error of a wrong PASS, and of a wrong FAIL. */
  readonly passAlpha: number;
  readonly failAlpha: number;
}

export interface Decision {
  readonly verdict: "PASS" | "FAIL" | "OPEN";
  /** In s from the start of the run. */
  readonly atS: number;
}

/** A way of comparing two lanes that other tools use. */
export type Method = (series: PairedSeries, limits: Limits) => Decision;

/** PASS when the upper bound is under the margin, FAIL when the lower one is over it. */
export function decide(
  { mean, passRadius, failRadius }: { mean: number; passRadius: number; failRadius: number },
  { margin }: Limits,
): Decision["verdict"] {
  if (mean + passRadius < margin) return "PASS";
  return mean - failRadius > margin ? "FAIL" : "OPEN";
}

/** Pairs with a TTFT on both lanes, behind the warm-up. */
export function seriesOf(
  samples: readonly TimedSample[],
  { fromS, toS }: { readonly fromS: number; readonly toS: number },
): PairedSeries {
  const rows = samples
    .flatMap(({ sample: { t0, primary, shadow } }) => {
      const [first, second] = [primary.ttft, shadow?.ttft ?? null];
      const isUsed = primary.class === "ok" && shadow?.class === "ok";
      const atS = (t0 - startMs) / 1_000;
      const isIn = isUsed && first !== null && second !== null && atS >= fromS;
      return isIn ? [{ atS, first, second }] : [];
    })
    .sort((a, b) => a.atS - b.atS);
  const column = (pick: (row: (typeof rows)[number]) => number) => Float64Array.from(rows, pick);
  return {
    fromS,
    toS,
    atS: column(({ atS }) => atS),
    primary: column(({ first }) => first),
    shadow: column(({ second }) => second),
    logRatio: column(({ first, second }) => Math.log(second / first)),
  };
}

/** Mean and variance that are updated value by value (Welford 1962). */
export function runningMoments() {
  let [count, mean, squares] = [0, 0, 0];
  return {
    add(value: number) {
      count++;
      const distance = value - mean;
      mean += distance / count;
      squares += distance * (value - mean);
    },
    get count() {
      return count;
    },
    get mean() {
      return mean;
    },
    get sd() {
      return count < 2 ? Number.NaN : Math.sqrt(squares / (count - 1));
    },
  };
}
