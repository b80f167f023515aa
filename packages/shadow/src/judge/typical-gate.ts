import type { GateReason, GateResult } from "../report/shadow-report.ts";
import { type Blocks, cutBlocks } from "../statistics/blocks.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import {
  anytimeBounds,
  cosineBounds,
  cosines,
  type Influences,
  influencesOf,
  minBlocks,
} from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import type { GateId } from "./config.ts";
import {
  atEnd,
  blank,
  etaOf,
  finite,
  type GateContext,
  ratioInterval,
  smallestDetectable,
  tooClose,
  tooFewBlocks,
  tooFewPairs,
  widerNext,
} from "./gate-result.ts";
import type { PairedValues } from "./ratio-gate.ts";

const minPairs = 200;

/** Share of the error of a wrong FAIL kept for the planned end; interim analyses use the rest. */
const endShare = 1 / 5;

/**
 * Judges the typical ratio (geometric mean). FAIL at any analysis by a confidence sequence, and at the planned end also
 * by a fixed interval, each with its share of the error. PASS only at the planned end, by that interval, which is
 * narrower because it is used once.
 */
export function typicalGate(id: GateId, values: PairedValues, context: GateContext): GateResult {
  const { config, isFinal, alpha, failAlpha } = context;
  const { margin } = config.gates[id];
  const isTwoSided = id === "length";
  const n = values.logRatio.length;
  const blocks = cutBlocks(values.atMs, values.logRatio, config.blockLengthsMs[0] ?? 10_000);
  const open: GateResult = {
    ...blank(id, "ratio", config),
    primary: geometricMean(values.baseline),
    shadow: geometricMean(values.shadow),
    estimate: n === 0 ? null : finite(Math.exp(blocks.mean)),
    method: "ewc/blocks",
    margin_low: isTwoSided ? 1 - margin : null,
    n,
    blocks: blocks.count,
    block_s: n === 0 ? null : blocks.lengthMs / 1_000,
    lag1: n === 0 ? null : finite(blocks.lag1),
  };
  if (n < minPairs) return { ...open, reason: tooFewPairs(n, minPairs) };
  if (blocks.count < minBlocks) {
    return { ...open, reason: tooFewBlocks(blocks.count, minBlocks, blocks.lengthMs) };
  }
  const influences = influencesOf(blocks);
  const once = cosineBounds(blocks.mean, influences, alpha);
  const shown = isFinal ? once : anytimeBounds(blocks, influences, alpha);
  const fail = failBounds(blocks, influences, { alpha: failAlpha.typical, isFinal });
  const limit = Math.log(1 + margin);
  const floor = isTwoSided ? Math.log(1 - margin) : Number.NEGATIVE_INFINITY;
  const isInside = shown !== undefined && shown.upper < limit && shown.lower > floor;
  const isFail = fail !== undefined && (fail.lower > limit || fail.upper < floor);
  const status = isFail ? "FAIL" : isInside && isFinal ? "PASS" : "INCONCLUSIVE";
  return {
    ...open,
    status,
    reason: status === "INCONCLUSIVE" ? whyOpen(isInside) : null,
    interval: shown === undefined ? null : ratioInterval(shown, alpha),
    fail_interval: fail === undefined ? null : ratioInterval(fail, failAlpha.typical),
    smallest_detectable: smallestDetectable(
      "ratio",
      blocks.mean,
      once.upper,
      studentQuantile(1 - alpha, cosines(blocks.count)),
    ),
    eta_s:
      isFinal && status === "INCONCLUSIVE"
        ? etaOf(
            { estimate: blocks.mean, upper: once.upper, margin: limit },
            (blocks.count * blocks.lengthMs) / 1_000,
            widerNext(context, cosines(blocks.count)),
          )
        : null,
  };
}

/** Bounds that decide FAIL: those of the sequence; at the planned end the tighter of both on each side. */
export function failBounds(
  blocks: Blocks,
  influences: Influences,
  { alpha, isFinal }: Pick<GateContext, "alpha" | "isFinal">,
): Bounds | undefined {
  const always = anytimeBounds(blocks, influences, alpha * (1 - endShare));
  if (!isFinal) return always;
  const once = cosineBounds(blocks.mean, influences, alpha * endShare);
  if (always === undefined) return once;
  return {
    lower: Math.max(always.lower, once.lower),
    upper: Math.min(always.upper, once.upper),
  };
}

function whyOpen(isInside: boolean): GateReason {
  return isInside
    ? { ...atEnd, text: "within the margin so far; judged at the planned end" }
    : tooClose;
}

function geometricMean(values: Float64Array): number | null {
  if (values.length === 0) return null;
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
