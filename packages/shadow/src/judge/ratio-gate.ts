import type { GateResult } from "../report/shadow-report.ts";
import { type Blocks, chooseBlocks } from "../statistics/blocks.ts";
import { type BlockedPairs, quantileRatios } from "../statistics/bootstrap.ts";
import { type Bounds, meanBounds, unitHalfWidth } from "../statistics/confidence-sequence.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import { createRandom } from "../statistics/random.ts";
import { smallSampleFactor } from "../statistics/student-t.ts";
import type { EvaluationConfig, GateConfig, GateId } from "./config.ts";
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

type RatioColumn = "ttft" | "tpot" | "e2e" | "length";

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
    ...base(id, gate, config),
    kind: "ratio",
    primary: geometricMean(values.baseline),
    shadow: geometricMean(values.shadow),
    estimate: n === 0 ? null : finite(Math.exp(blocks.mean)),
    ...(blocks.count < 2 ? { lower: null, upper: null } : expBounds(passBounds)),
    method: "asymp-cs/blocks",
    margin: 1 + gate.margin,
    margin_low: isTwoSided ? 1 - gate.margin : null,
    status: isLeftOut ? "NOT_JUDGED" : status,
    note: isOpen
      ? whyOpen(n, minPairsTypical, chosen.ok ? undefined : chosen.reason, blocks)
      : null,
    n,
    blocks: blocks.count,
    block_s: n === 0 ? null : blocks.lengthMs / 1_000,
    lag1: n === 0 ? null : finite(blocks.lag1),
    look: "anytime",
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
  const { config, requiredGates, isFinal, seedOf, earlierBlocks } = context;
  const gate = config.gates[id];
  const n = values.logRatio.length;
  const needed = level === 0.99 ? minPairsP99 : minPairsP90;
  const point = {
    primary: finite(quantile(sorted(values.baseline), level)),
    shadow: finite(quantile(sorted(values.shadow), level)),
  };
  const estimate =
    point.primary === null || point.shadow === null ? null : point.shadow / point.primary;
  const open = {
    ...base(id, gate, config),
    kind: "ratio",
    ...point,
    estimate,
    lower: null,
    upper: null,
    method: "block-bootstrap/quantile-ratio",
    margin: 1 + gate.margin,
    margin_low: null,
    n,
    blocks: null,
    block_s: null,
    lag1: null,
    look: "final",
    eta_s: null,
  } as const;
  if (n < needed) {
    const note = `needs ${needed} pairs, has ${n}`;
    return { ...open, status: level === 0.99 ? "NOT_JUDGED" : "INCONCLUSIVE", note };
  }
  if (!isFinal) return { ...open, status: "INCONCLUSIVE", note: "judged at the planned end" };
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
  if (!chosen.ok) {
    const note = whyOpen(n, needed, chosen.reason, blocks);
    return { ...judged, status: "INCONCLUSIVE", note };
  }
  const pairs = {
    ...values,
    primary: values.baseline,
    blockOf: blocks.blockOf,
    blocks: blocks.count,
  };
  const alphas = [config.alpha, config.alpha / requiredGates];
  const [found] = quantileRatios(capped(pairs, seedOf(id)), [level], { seed: seedOf(id), alphas });
  const [passBounds, failBounds] = found?.intervals.map(({ inflated }) => inflated) ?? [];
  const limit = 1 + gate.margin;
  const isPass = passBounds !== undefined && passBounds.upper < limit;
  const isFail = failBounds !== undefined && failBounds.lower > limit;
  return {
    ...judged,
    lower: finite(passBounds?.lower ?? Number.NaN),
    upper: finite(passBounds?.upper ?? Number.NaN),
    status: isPass ? "PASS" : isFail ? "FAIL" : "INCONCLUSIVE",
    note: null,
  };
}

/** What every gate's result says of its configuration. */
export function base(
  id: GateId,
  { required }: GateConfig,
  { alpha }: EvaluationConfig,
): Pick<GateResult, "id" | "required" | "level" | "e_value" | "e_needed"> {
  return { id, required, level: 1 - 2 * alpha, e_value: null, e_needed: null };
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

function expBounds({ lower, upper }: Bounds): { lower: number | null; upper: number | null } {
  return { lower: finite(Math.exp(lower)), upper: finite(Math.exp(upper)) };
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
): string | null {
  if (n < needed) return `needs ${needed} pairs, has ${n}`;
  if (reason === "too few blocks") {
    return `needs 20 blocks of ${blocks.lengthMs / 1_000} s, has ${blocks.count}`;
  }
  if (reason === "too autocorrelated") return "traffic too autocorrelated, run longer";
  return null;
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
