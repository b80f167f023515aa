import type { GateReason, GateResult } from "../report/shadow-report.ts";
import { chooseBlocks } from "../statistics/blocks.ts";
import { logRatio, quantileRatios } from "../statistics/bootstrap.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { linearQuantileRatio } from "../statistics/linear-quantile.ts";
import { minBlocks } from "../statistics/long-run.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import type { EvaluationConfig, GateId } from "./config.ts";
import {
  atEnd,
  blank,
  finite,
  type GateContext,
  ratioInterval,
  smallestDetectable,
  tooClose,
  tooFewBlocks,
  tooFewPairs,
} from "./gate-result.ts";
import { capped, laneValue, type RatioColumn } from "./ratio-gate.ts";
import { indicesOf, type LaneColumns, type PairTable } from "./table.ts";

const minPairs = { 0.9: 200, 0.99: 1_000 } as const;

export type TailLevel = keyof typeof minPairs;

/**
 * Pairs of a tail gate. An answer that never arrived has an infinite value. One that was cut short may have any value:
 * `best` has the values best for the shadow, `worst` the worst. They are equal if nothing was cut short.
 */
export interface TailValues {
  readonly atMs: Float64Array;
  readonly best: Lanes;
  readonly worst: Lanes;
  /** Pairs that were not cut short. */
  readonly known: Lanes;
  /** Share of pairs in which a leg was cut short before its value was known. */
  readonly cutShare: number;
}

interface Lanes {
  readonly baseline: Float64Array;
  readonly shadow: Float64Array;
}

/** Collects pairs whose value is known, was cut short on a lane, or whose twin never arrived. */
export function tailValues(table: PairTable, column: RatioColumn): TailValues {
  const at = (lane: LaneColumns, i: number) => laneValue(table, lane, i, column);
  const isKind = (i: number) => (column === "ttft") === (table.isStream[i] === 1);
  // After the first token, the values of an answer that was cut short are unknown.
  const canCut = column === "ttft" || column === "whole";
  const isCut = (lane: LaneColumns, i: number) => canCut && lane.isOk[i] !== 1 && isKind(i);
  const has = (lane: LaneColumns, i: number) => at(lane, i) > 0 || isCut(lane, i);
  const kept = indicesOf(
    table,
    (i) =>
      table.isTimed[i] === 1 &&
      has(table.baseline, i) &&
      (table.isLost[i] === 1 || has(table.shadow, i)),
  );
  const isLate = (lane: LaneColumns, i: number) => lane === table.shadow && table.isLost[i] === 1;
  const isKnown = (lane: LaneColumns, i: number) => isLate(lane, i) || at(lane, i) > 0;
  const take = (lane: LaneColumns, unknown: number) =>
    Float64Array.from(kept, (i) => {
      if (isLate(lane, i)) return infinity;
      const value = at(lane, i);
      return value > 0 ? value : unknown;
    });
  const worst = { baseline: take(table.baseline, 0), shadow: take(table.shadow, infinity) };
  const cut = kept.filter((i) => !isKnown(table.baseline, i) || !isKnown(table.shadow, i)).length;
  const atMs = Float64Array.from(kept, (i) => table.atMs[i] ?? Number.NaN);
  if (cut === 0) return { atMs, best: worst, worst, known: worst, cutShare: 0 };
  const knownOf = (lane: LaneColumns, values: Float64Array) =>
    values.filter((_, k) => isKnown(lane, kept[k] ?? 0));
  return {
    atMs,
    worst,
    best: { baseline: take(table.baseline, infinity), shadow: take(table.shadow, 0) },
    known: {
      baseline: knownOf(table.baseline, worst.baseline),
      shadow: knownOf(table.shadow, worst.shadow),
    },
    cutShare: cut / kept.length,
  };
}

const infinity = Number.POSITIVE_INFINITY;

/** Judges a tail: the paired ratio of two quantiles. Only at the planned end. */
export function tailGate(
  id: GateId,
  level: TailLevel,
  values: TailValues,
  context: GateContext,
): GateResult {
  const { config, isFinal, alpha, failAlpha } = context;
  const n = values.atMs.length;
  const needed = minPairs[level];
  const { baseline, shadow } = values.known;
  const [below, above] = [quantile(sorted(baseline), level), quantile(sorted(shadow), level)];
  const open: GateResult = {
    ...blank(id, "ratio", config),
    primary: finite(below),
    shadow: finite(above),
    estimate: finite(above / below),
    method: "quantile-ratio",
    n,
    look: "final",
  };
  if (n < needed) return { ...open, reason: tooFewPairs(n, needed) };
  if (!isFinal) return { ...open, reason: atEnd };
  const found = boundsOf(values, level, [alpha, failAlpha.each], {
    blockLengthsMs: config.blockLengthsMs,
    seed: context.seedOf(id),
  });
  if (found === undefined) {
    const reason = tooFewBlocks(0, minBlocks, config.blockLengthsMs[0] ?? 10_000);
    return { ...open, reason };
  }
  const [pass, fail] = [found.worst, found.best];
  const limit = Math.log1p(config.gates[id].margin);
  const status = pass.upper < limit ? "PASS" : fail.lower > limit ? "FAIL" : "INCONCLUSIVE";
  return {
    ...open,
    ...{ method: found.method, blocks: found.blocks, block_s: found.blockS },
    status,
    reason: status === "INCONCLUSIVE" ? whyOpen(values.cutShare, found, limit) : null,
    interval: ratioInterval(pass, alpha),
    fail_interval: ratioInterval(fail, failAlpha.each),
    smallest_detectable: smallestDetectable("ratio", logRatio(above, below), pass.upper),
  };
}

interface TailBounds {
  readonly method: string;
  readonly blocks: number | null;
  readonly blockS: number | null;
  /** Bounds of logarithms that decide PASS and FAIL. */
  readonly worst: Bounds;
  readonly best: Bounds;
  /** The same bounds if all cut-short values had favoured the decision. */
  readonly hoped: { readonly pass: Bounds; readonly fail: Bounds };
}

/** Bounds by bootstrap if there is a block length with independent blocks, otherwise by the long-run deviation. */
function boundsOf(
  { atMs, best, worst }: TailValues,
  level: TailLevel,
  alphas: readonly [number, number],
  { blockLengthsMs, seed }: Pick<EvaluationConfig, "blockLengthsMs"> & { readonly seed: number },
): TailBounds | undefined {
  const blockMs = blockLengthsMs[0] ?? 10_000;
  const logs = worst.shadow.map((value, i) => {
    const log = logRatio(value, worst.baseline[i] ?? 0);
    return Number.isFinite(log) ? log : 0;
  });
  const chosen = chooseBlocks(atMs, logs, { lengthsMs: blockLengthsMs });
  const method = chosen.ok ? "block-bootstrap" : "linear/ewc";
  const bounds = ({ baseline, shadow }: Lanes): readonly Bounds[] | undefined => {
    if (!chosen.ok) {
      const pairs = { atMs, primary: baseline, shadow };
      return linearQuantileRatio(pairs, level, { alphas, blockMs })?.intervals;
    }
    const { blockOf, count } = chosen.blocks;
    const pairs = { primary: baseline, shadow, blockOf, blocks: count };
    const [found] = quantileRatios(capped(pairs, seed), [level], { seed, alphas });
    return found?.intervals.map(({ inflated: { lower, upper } }) => ({
      lower: Math.log(lower),
      upper: Math.log(upper),
    }));
  };
  const ofWorst = bounds(worst);
  const ofBest = best === worst ? ofWorst : bounds(best);
  const [pass, hopedFail] = ofWorst ?? [];
  const [hopedPass, fail] = ofBest ?? [];
  if (pass === undefined || fail === undefined) return undefined;
  return {
    method,
    blocks: chosen.ok ? chosen.blocks.count : null,
    blockS: (chosen.ok ? chosen.blocks.lengthMs : blockMs) / 1_000,
    worst: pass,
    best: fail,
    hoped: { pass: hopedPass ?? pass, fail: hopedFail ?? fail },
  };
}

/** Explains an undecided tail gate. Clients that disconnect early hide part of the tail. */
function whyOpen(cutShare: number, { hoped }: TailBounds, limit: number): GateReason {
  // Whether the known values alone would decide.
  const decides = hoped.pass.upper < limit || hoped.fail.lower > limit;
  if (cutShare === 0 || !decides) return tooClose;
  const text = `${(100 * cutShare).toFixed(1)} % of the answers were cut short before they could be timed`;
  return { code: "cut_short", has: cutShare, needs: null, text };
}
