import type { GateResult } from "../report/shadow-report.ts";
import { type Blocks, cutBlocks } from "../statistics/blocks.ts";
import { largestBurst } from "../statistics/bursts.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { createEProcess } from "../statistics/e-process.ts";
import {
  cosineBounds,
  cosines,
  type Influences,
  influencesOf,
  minBlocks,
} from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import { type Discordance, tangoInterval } from "../statistics/tango.ts";
import type { GateId } from "./config.ts";
import {
  atEnd,
  blank,
  etaOf,
  finite,
  type GateContext,
  intervalOf,
  smallestDetectable,
  tooClose,
  tooFewBlocks,
  tooFewPairs,
} from "./gate-result.ts";
import { indicesOf, type PairTable } from "./table.ts";
import { failBounds } from "./typical-gate.ts";

/** What a rate counts. */
export interface RateOf {
  /** Whether a pair counts; all judged pairs when absent. */
  readonly counts?: (table: PairTable, index: number) => boolean;
  /** Whether the pair is bad on the primary and on the shadow. */
  readonly isBad: (
    table: PairTable,
    index: number,
  ) => readonly [baseline: boolean, shadow: boolean];
  /** True if the rate follows the load. A FAIL then needs a stricter bound, because of sustained swings. */
  readonly followsLoad: boolean;
  /** True if the margin is at least a tenth of the primary's rate. */
  readonly isRelative: boolean;
}

const minPairs = 500;
const minPairsToFail = 50;
/**
 * Blocks needed for a FAIL: ten minutes of the shortest blocks. Before that, a burst can't be distinguished from a
 * lasting difference.
 */
const minBlocksToFail = 60;
/**
 * A clear difference needs less time: the lower bound exceeds `margins` times the margin, in at least `blocks` blocks,
 * which are at least `share` of all.
 */
const clear = { margins: 10, blocks: 12, share: 0.8 } as const;
const ofBaseline = 0.1;

interface Counted extends Discordance {
  readonly badBaseline: number;
  readonly atMs: Float64Array;
  /** -1, 0 or 1 for each pair. */
  readonly z: Float64Array;
  readonly isBadBaseline: Uint8Array;
  readonly badShadowAtMs: readonly number[];
}

/**
 * Judges the difference of two paired rates. PASS only at the planned end, by the wider of Tango's interval and the
 * long-run interval. FAIL at any analysis, if an e-process crosses its limit *and* the long-run bound is over the
 * margin. The e-process alone assumes that pairs are independent of the past; sustained load and outages break this,
 * and it would then fail equal lanes.
 */
export function rateGate(
  id: GateId,
  table: PairTable,
  of: RateOf,
  context: GateContext,
): GateResult {
  const { config, isFinal, alpha, failAlpha } = context;
  const counted = count(table, of);
  const { n, b, c, badBaseline } = counted;
  const rate = n === 0 ? 0 : badBaseline / n;
  const given = config.gates[id].margin;
  const share = of.isRelative && ofBaseline * rate > given ? ofBaseline : 0;
  const margin = share > 0 ? share * rate : given;
  const logE = evidenceAgainst(counted.z, margin);
  const open: GateResult = {
    ...blank(id, "rate", config),
    ...{ method: "tango+ewc", margin, n },
    e_value: finite(Math.exp(Math.min(700, logE))),
    e_needed: 1 / failAlpha.each,
  };
  if (n === 0) return { ...open, reason: tooFewPairs(0, minPairs) };
  const blocks = blocksOf(counted, share, config.blockLengthsMs[0] ?? 10_000);
  const influences = influencesOf(blocks);
  const once = tangoInterval(counted, 1 - 2 * alpha);
  const found: GateResult = {
    ...open,
    primary: rate,
    shadow: (badBaseline + b - c) / n,
    estimate: (b - c) / n,
    events: eventsOf(counted),
    ...{ blocks: blocks.count, block_s: blocks.lengthMs / 1_000, lag1: finite(blocks.lag1) },
  };
  const bounds =
    blocks.count < minBlocks ? once : wider(once, cosineBounds(blocks.mean, influences, alpha));
  const fail = failOf({ counted, blocks, influences, margin, of, context });
  const isFail = n >= minPairsToFail && logE >= Math.log(1 / failAlpha.each) && fail.lower > margin;
  const isReady = n >= minPairs && blocks.count >= minBlocks;
  const isInside = isReady && bounds.upper < margin;
  const status = isFail ? "FAIL" : isFinal && isInside ? "PASS" : "INCONCLUSIVE";
  return {
    ...found,
    status,
    reason: status === "INCONCLUSIVE" ? whyOpen(n, blocks, isInside) : null,
    interval: intervalOf(bounds, alpha),
    fail_interval: intervalOf(fail, fail.alpha),
    smallest_detectable: smallestDetectable(
      "rate",
      (b - c) / n,
      bounds.upper,
      studentQuantile(1 - alpha, cosines(blocks.count)),
    ),
    eta_s:
      isFinal && status === "INCONCLUSIVE"
        ? etaOf({ estimate: (b - c) / n, upper: bounds.upper, margin }, spanOf(counted))
        : null,
  };
}

function count(table: PairTable, { counts, isBad }: RateOf): Counted {
  const kept = indicesOf(table, (i) =>
    counts === undefined ? table.isJudged[i] === 1 : counts(table, i),
  );
  const n = kept.length;
  const [z, isBadBaseline] = [new Float64Array(n), new Uint8Array(n)];
  const badShadowAtMs: number[] = [];
  let [b, c, badBaseline] = [0, 0, 0];
  kept.forEach((index, at) => {
    const [first, second] = isBad(table, index);
    if (first) badBaseline++;
    if (second) badShadowAtMs.push(table.atMs[index] ?? 0);
    if (second && !first) b++;
    if (first && !second) c++;
    z[at] = Number(second) - Number(first);
    isBadBaseline[at] = Number(first);
  });
  const atMs = Float64Array.from(kept, (i) => table.atMs[i] ?? 0);
  return { n, b, c, badBaseline, atMs, z, isBadBaseline, badShadowAtMs };
}

function evidenceAgainst(z: Float64Array, margin: number): number {
  const over = createEProcess(margin, "above");
  for (const each of z) over.add(each);
  return over.maxLogE;
}

/**
 * Blocks of the differences. A margin that is a share of the primary's rate is as uncertain as that rate, so its part
 * is subtracted from each difference and its mean added back.
 */
function blocksOf(
  { atMs, z, isBadBaseline, badBaseline, n }: Counted,
  share: number,
  lengthMs: number,
): Blocks {
  const back = (share * badBaseline) / n;
  const values =
    share === 0 ? z : z.map((each, i) => each - share * (isBadBaseline[i] ?? 0) + back);
  return cutBlocks(atMs, values, lengthMs);
}

interface FailInput {
  readonly counted: Counted;
  readonly blocks: Blocks;
  readonly influences: Influences;
  readonly margin: number;
  readonly of: RateOf;
  readonly context: GateContext;
}

/** The bounds that decide FAIL, with the error of each side. */
function failOf(input: FailInput): Bounds & { readonly alpha: number } {
  const { counted, blocks, influences, margin, of } = input;
  const { isFinal, alpha, failAlpha } = input.context;
  const always = { ...tangoInterval(counted, 1 - 2 * failAlpha.each), alpha: failAlpha.each };
  if (isClear(blocks, always.lower, margin)) return always;
  const isReady = blocks.count >= minBlocksToFail || (isFinal && blocks.count >= minBlocks);
  if (!isReady) return { ...anything, alpha: failAlpha.each };
  if (!of.followsLoad) {
    // Half of the error, because there are many analyses and outages in both lanes must not fail equal lanes.
    const half = alpha / 2;
    const once = tangoInterval(counted, 1 - 2 * half);
    return { ...wider(once, cosineBounds(blocks.mean, influences, half)), alpha: half };
  }
  const bounds = failBounds(blocks, influences, { alpha: failAlpha.each, isFinal });
  return { ...(bounds === undefined ? anything : wider(always, bounds)), alpha: failAlpha.each };
}

const anything: Bounds = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };

/** True if the difference is too large and in too many blocks to be a burst. */
function isClear({ count, counts, sums }: Blocks, lower: number, margin: number): boolean {
  if (count < clear.blocks || !(lower > clear.margins * margin)) return false;
  const over = sums.filter((sum, k) => sum / (counts[k] ?? 1) > clear.margins * margin).length;
  return over >= clear.share * count;
}

function wider(one: Bounds, other: Bounds): Bounds {
  return { lower: Math.min(one.lower, other.lower), upper: Math.max(one.upper, other.upper) };
}

function whyOpen(n: number, blocks: Blocks, isInside: boolean): GateResult["reason"] {
  if (n < minPairs) return tooFewPairs(n, minPairs);
  if (blocks.count < minBlocks) return tooFewBlocks(blocks.count, minBlocks, blocks.lengthMs);
  return isInside
    ? { ...atEnd, text: "within the margin so far; judged at the planned end" }
    : tooClose;
}

function eventsOf(counted: Counted): GateResult["events"] {
  const { badBaseline, b, c, badShadowAtMs } = counted;
  const burst = largestBurst(badShadowAtMs, 1_000 * spanOf(counted));
  return { primary: badBaseline, shadow: badBaseline + b - c, burst };
}

/** Time spanned by the pairs, in seconds. */
function spanOf({ atMs }: Counted): number {
  return ((atMs.at(-1) ?? 0) - (atMs[0] ?? 0)) / 1_000;
}
