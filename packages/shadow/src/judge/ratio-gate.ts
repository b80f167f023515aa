import type { GateReason, GateResult, Interval } from "../report/shadow-report.ts";
import { type Blocks, chooseBlocks } from "../statistics/blocks.ts";
import { type BlockedPairs, quantileRatios } from "../statistics/bootstrap.ts";
import { type Bounds, meanBounds, unitHalfWidth } from "../statistics/confidence-sequence.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import { createRandom } from "../statistics/random.ts";
import { smallSampleFactor } from "../statistics/student-t.ts";
import type { EvaluationConfig, GateId } from "./config.ts";
import { indicesOf, type LaneColumns, type PairTable } from "./table.ts";

export interface GateContext {
  readonly config: EvaluationConfig;
  /** Number of required gates: a FAIL of any counts, so each spends alpha / k. */
  readonly requiredGates: number;
  readonly isFinal: boolean;
  readonly seedOf: (gate: string) => number;
  /** Block lengths of an earlier look, by gate, in ms. */
  readonly earlierBlocks: ReadonlyMap<string, number>;
}

/** The pairs of one gate: indices into the table, times, both lanes' values and log ratios. */
interface PairedValues {
  readonly atMs: Float64Array;
  readonly baseline: Float64Array;
  readonly shadow: Float64Array;
  readonly logRatio: Float64Array;
}

export type RatioColumn = "ttft" | "tpot" | "e2e" | "length";

const minPairsTypical = 200;
const minPairsP90 = 200;
const minPairsP99 = 1_000;

/** Pairs that have a value on both lanes. */
export function pairedValues(table: PairTable, column: RatioColumn): PairedValues {
  const has = (lane: LaneColumns, i: number) => (lane[column][i] ?? Number.NaN) > 0;
  const kept = indicesOf(
    table,
    (i) => table.isUsed[i] === 1 && has(table.baseline, i) && has(table.shadow, i),
  );
  const take = (from: Float64Array) => Float64Array.from(kept, (i) => from[i] ?? Number.NaN);
  const baseline = take(table.baseline[column]);
  const shadow = take(table.shadow[column]);
  return {
    atMs: take(table.atMs),
    baseline,
    shadow,
    logRatio: shadow.map((value, i) => Math.log(value / (baseline[i] ?? Number.NaN))),
  };
}

/** Judges the typical ratio (geometric mean) by an anytime-valid confidence sequence on time blocks. */
export function typicalGate(
  id: GateId,
  values: PairedValues,
  { config, requiredGates, isFinal, earlierBlocks }: GateContext,
): GateResult {
  const gate = config.gates[id];
  const isTwoSided = id === "length";
  const chosen = chooseBlocks(values.atMs, values.logRatio, {
    lengthsMs: config.blockLengthsMs,
    atLeastMs: earlierBlocks.get(id) ?? 0,
  });
  const { blocks } = chosen;
  const n = values.logRatio.length;
  const isEnough = chosen.ok && n >= minPairsTypical;
  const passBounds = meanBounds(blocks, config.alpha);
  const failBounds = meanBounds(blocks, config.alpha / requiredGates);
  const limit = Math.log(1 + gate.margin);
  const floor = isTwoSided ? Math.log(1 - gate.margin) : Number.NEGATIVE_INFINITY;
  const isPass = passBounds.upper < limit && passBounds.lower > floor;
  const isFail = failBounds.lower > limit || failBounds.upper < floor;
  const status = !isEnough ? "INCONCLUSIVE" : isPass ? "PASS" : isFail ? "FAIL" : "INCONCLUSIVE";
  const isOpen = status === "INCONCLUSIVE";
  // A share of streaming requests too small to judge must not hold the verdict for ever.
  const isLeftOut = id === "tpot.typical" && isFinal && n < minPairsTypical;
  return {
    ...blank(id, "ratio", config),
    primary: geometricMean(values.baseline),
    shadow: geometricMean(values.shadow),
    estimate: n === 0 ? null : finite(Math.exp(blocks.mean)),
    ...(blocks.count < 2
      ? {}
      : {
          interval: expBounds(passBounds, config.alpha),
          fail_interval: expBounds(failBounds, config.alpha / requiredGates),
        }),
    method: "asymp-cs/blocks",
    margin_low: isTwoSided ? 1 - gate.margin : null,
    status: isLeftOut ? "NOT_JUDGED" : status,
    reason: isOpen
      ? whyOpen(n, minPairsTypical, chosen.ok ? undefined : chosen.reason, blocks)
      : isLeftOut
        ? tooFewPairs(n, minPairsTypical)
        : null,
    n,
    blocks: blocks.count,
    block_s: n === 0 ? null : blocks.lengthMs / 1_000,
    lag1: n === 0 ? null : finite(blocks.lag1),
    eta_s: isOpen ? etaSeconds(blocks, limit, config) : null,
  };
}

/** Judges a tail: the paired quantile ratio by block bootstrap, at the planned end only. */
export function tailGate(
  id: GateId,
  level: 0.9 | 0.99,
  values: PairedValues,
  context: GateContext,
): GateResult {
  const { config, isFinal, earlierBlocks } = context;
  const n = values.logRatio.length;
  const needed = level === 0.99 ? minPairsP99 : minPairsP90;
  const primary = finite(quantile(sorted(values.baseline), level));
  const shadow = finite(quantile(sorted(values.shadow), level));
  const open: GateResult = {
    ...blank(id, "ratio", config),
    ...{ primary, shadow, n },
    estimate: primary === null || shadow === null ? null : shadow / primary,
    method: "block-bootstrap/quantile-ratio",
    look: "final",
  };
  if (n < needed) {
    const status = level === 0.99 ? "NOT_JUDGED" : "INCONCLUSIVE";
    return { ...open, status, reason: tooFewPairs(n, needed) };
  }
  if (!isFinal) return { ...open, reason: atEnd };
  const chosen = chooseBlocks(values.atMs, values.logRatio, {
    lengthsMs: config.blockLengthsMs,
    atLeastMs: earlierBlocks.get(id) ?? 0,
  });
  const { blocks } = chosen;
  const judged = {
    ...open,
    blocks: blocks.count,
    block_s: blocks.lengthMs / 1_000,
    lag1: finite(blocks.lag1),
  };
  if (!chosen.ok) return { ...judged, reason: whyOpen(n, needed, chosen.reason, blocks) };
  return { ...judged, ...tailStatus(id, level, pairsOf(values, blocks), context) };
}

/** Its bounds, and what they say of it. */
function tailStatus(
  id: GateId,
  level: number,
  pairs: BlockedPairs,
  { config, requiredGates, seedOf }: GateContext,
): Pick<GateResult, "interval" | "fail_interval" | "status" | "reason"> {
  const alphas = [config.alpha, config.alpha / requiredGates];
  const seed = seedOf(id);
  const [found] = quantileRatios(capped(pairs, seed), [level], { seed, alphas });
  const [passBounds, failBounds] = found?.intervals.map(({ inflated }) => inflated) ?? [];
  const limit = 1 + config.gates[id].margin;
  const isPass = passBounds !== undefined && passBounds.upper < limit;
  const isFail = failBounds !== undefined && failBounds.lower > limit;
  return {
    interval: passBounds === undefined ? null : intervalOf(passBounds, config.alpha),
    fail_interval:
      failBounds === undefined ? null : intervalOf(failBounds, config.alpha / requiredGates),
    status: isPass ? "PASS" : isFail ? "FAIL" : "INCONCLUSIVE",
    reason: isPass || isFail ? null : tooClose,
  };
}

export function pairsOf({ baseline, shadow }: PairedValues, blocks: Blocks): BlockedPairs {
  return { primary: baseline, shadow, blockOf: blocks.blockOf, blocks: blocks.count };
}

/** A gate of which nothing is known yet. */
export function blank(
  id: GateId,
  kind: GateResult["kind"],
  { gates }: EvaluationConfig,
): GateResult {
  const { required, margin } = gates[id];
  return {
    ...{
      id,
      required,
      kind,
      primary: null,
      shadow: null,
      estimate: null,
      interval: null,
      fail_interval: null,
      decided_at: null,
      smallest_detectable: null,
      events: null,
    },
    method: "",
    margin: kind === "ratio" ? 1 + margin : margin,
    margin_low: null,
    status: "INCONCLUSIVE",
    ...{
      reason: null,
      n: 0,
      blocks: null,
      block_s: null,
      lag1: null,
      e_value: null,
      e_needed: null,
    },
    look: "anytime",
    eta_s: null,
  };
}

/** Pairs beyond this add time and hardly any certainty to a bootstrap. */
const maxBootstrapPairs = 50_000;

/** A seeded draw of at most so many pairs; each block keeps its share. */
export function capped(pairs: BlockedPairs, seed: number): BlockedPairs {
  const size = pairs.primary.length;
  if (size <= maxBootstrapPairs) return pairs;
  const random = createRandom(seed);
  const kept: number[] = [];
  for (let i = 0; i < size; i++) if (random.unit() < maxBootstrapPairs / size) kept.push(i);
  const take = (from: ArrayLike<number>) => Float64Array.from(kept, (i) => from[i] ?? 0);
  return {
    primary: take(pairs.primary),
    shadow: take(pairs.shadow),
    blockOf: take(pairs.blockOf),
    blocks: pairs.blocks,
  };
}

export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Bounds at an error of `alpha` on each side. */
export function intervalOf({ lower, upper }: Bounds, alpha: number): Interval {
  return { lower: finite(lower), upper: finite(upper), level: 1 - 2 * alpha };
}

function expBounds({ lower, upper }: Bounds, alpha: number): Interval {
  return intervalOf({ lower: Math.exp(lower), upper: Math.exp(upper) }, alpha);
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

function geometricMean(values: Float64Array): number | null {
  if (values.length === 0) return null;
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function whyOpen(
  n: number,
  needed: number,
  reason: "too few blocks" | "too autocorrelated" | undefined,
  blocks: Blocks,
): GateReason {
  if (n < needed) return tooFewPairs(n, needed);
  if (reason === "too few blocks") {
    const text = `needs 20 blocks of ${blocks.lengthMs / 1_000} s, has ${blocks.count}`;
    return { code: "too_few_blocks", has: blocks.count, needs: 20, text };
  }
  if (reason === "too autocorrelated") {
    return { ...tooClose, text: "traffic too autocorrelated, run longer" };
  }
  return tooClose;
}

/** When the upper bound gets under the limit, if estimate and spread stay as they are; null when never. */
function etaSeconds(blocks: Blocks, limit: number, { alpha }: EvaluationConfig): number | null {
  if (blocks.count < 2) return null;
  const room = limit - blocks.mean;
  if (!(room > 0)) return null;
  for (let count = Math.max(20, blocks.count); count <= 20_000; count = Math.ceil(count * 1.02)) {
    if (blocks.sd * unitHalfWidth(count, alpha) * smallSampleFactor(count) < room) {
      return ((count - blocks.count) * blocks.lengthMs) / 1_000;
    }
  }
  return null;
}
