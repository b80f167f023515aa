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
import { numbersAt } from "./numbers.ts";
import { capped, laneValue, type RatioColumn } from "./ratio-gate.ts";
import { indicesOf, type LaneColumns, type PairTable } from "./table.ts";

const minPairs = { 0.9: 200, 0.99: 1_000 } as const;

export type TailLevel = keyof typeof minPairs;

/**
 * The pairs of a tail. An answer that never came is infinite. One that was cut short is between nothing and infinite:
 * `best` has what is best for the shadow, `worst` what is worst, and both are one where nothing was cut short.
 */
export interface TailValues {
  readonly atMs: Float64Array;
  readonly best: Lanes;
  readonly worst: Lanes;
  /** What was not cut short, in ascending order. */
  readonly known: Lanes;
  /** Share of pairs in which a leg was cut short before its value was known. */
  readonly cutShare: number;
}

interface Lanes {
  readonly baseline: Float64Array;
  readonly shadow: Float64Array;
}

/** Pairs whose value is known, or was cut short on a lane, or whose twin never came. */
export function tailValues(table: PairTable, column: RatioColumn): TailValues {
  const at = (lane: LaneColumns, i: number) => laneValue(table, lane, i, column);
  const isKind = (i: number) => (column === "ttft") === (table.isStream[i] === 1);
  // Behind the first token nothing is known of an answer that was cut short.
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
    numbersAt(kept, (i) => {
      if (isLate(lane, i)) return infinity;
      const value = at(lane, i);
      return value > 0 ? value : unknown;
    });
  const worst = { baseline: take(table.baseline, 0), shadow: take(table.shadow, infinity) };
  const cut = kept.filter((i) => !isKnown(table.baseline, i) || !isKnown(table.shadow, i)).length;
  const atMs = numbersAt(kept, (i) => table.atMs[i] ?? Number.NaN);
  if (cut === 0) {
    const known = { baseline: sorted(worst.baseline), shadow: sorted(worst.shadow) };
    return { atMs, best: worst, worst, known, cutShare: 0 };
  }
  const knownOf = (lane: LaneColumns, values: Float64Array) =>
    sorted(values.filter((_, k) => isKnown(lane, kept[k] ?? 0)));
  return {
    ...{ atMs, worst },
    best: { baseline: take(table.baseline, infinity), shadow: take(table.shadow, 0) },
    known: {
      baseline: knownOf(table.baseline, worst.baseline),
      shadow: knownOf(table.shadow, worst.shadow),
    },
    cutShare: cut / kept.length,
  };
}

const infinity = Number.POSITIVE_INFINITY;

/** Judges a tail, the paired ratio of two quantiles, at the planned end only. */
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
  const [below, above] = [quantile(baseline, level), quantile(shadow, level)];
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
  /** Of logs: the one that decides PASS, and the one that decides FAIL. */
  readonly worst: Bounds;
  readonly best: Bounds;
  /** The same, had what was cut short been in favour of either decision. */
  readonly hoped: { readonly pass: Bounds; readonly fail: Bounds };
}

/** By bootstrap where a length is found for which blocks are independent, and else by the long-run spread. */
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

/** Clients that leave early hide as much of the tail as they are. */
function whyOpen(cutShare: number, { hoped }: TailBounds, limit: number): GateReason {
  // What is known would decide one way or the other.
  const decides = hoped.pass.upper < limit || hoped.fail.lower > limit;
  if (cutShare === 0 || !decides) return tooClose;
  const text = `${(100 * cutShare).toFixed(1)} % of the answers were cut short before they could be timed`;
  return { code: "cut_short", has: cutShare, needs: null, text };
}
