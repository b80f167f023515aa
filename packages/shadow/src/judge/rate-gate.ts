import type { GateResult } from "../report/shadow-report.ts";
import { chooseBlocks } from "../statistics/blocks.ts";
import { meanInterval } from "../statistics/bootstrap.ts";
import { createEProcess } from "../statistics/e-process.ts";
import { tangoInterval } from "../statistics/tango.ts";
import type { GateId } from "./config.ts";
import {
  blank,
  finite,
  type GateContext,
  intervalOf,
  tooClose,
  tooFewPairs,
} from "./ratio-gate.ts";
import { indicesOf, type LaneColumns, type PairTable } from "./table.ts";

/** Whether a request counts as bad on a lane. */
export type IsBad = (lane: LaneColumns, index: number) => boolean;

/** A PASS needs these; evidence for a FAIL is as good with fewer, and a shadow that fails everything is paused early. */
const minPairs = 500;
const minPairsToFail = 50;

/**
 * Judges the difference of two paired rates: a betting e-process for looks at any time, and at the planned end Tango's
 * interval, widened to the block bootstrap's upper end because outages come in clusters.
 */
export function rateGate(
  id: GateId,
  table: PairTable,
  isBad: IsBad,
  { config, requiredGates, isFinal, seedOf }: GateContext,
): GateResult {
  const { margin } = config.gates[id];
  const kept = indicesOf(table, (i) => table.isJudged[i] === 1);
  const n = kept.length;
  const under = createEProcess(margin, "below");
  const over = createEProcess(margin, "above");
  const z = new Int8Array(n);
  let [b, c, badBaseline] = [0, 0, 0];
  kept.forEach((index, at) => {
    const [first, second] = [isBad(table.baseline, index), isBad(table.shadow, index)];
    const difference = Number(second) - Number(first);
    if (first) badBaseline++;
    if (difference > 0) b++;
    if (difference < 0) c++;
    z[at] = difference;
    under.add(difference);
    over.add(difference);
  });
  const needed = Math.log(1 / config.alpha);
  const result: GateResult = {
    ...blank(id, "rate", config),
    method: "e-process+tango",
    n,
    e_value: finite(Math.exp(Math.min(700, under.maxLogE))),
    e_needed: 1 / config.alpha,
  };
  if (n === 0) return { ...result, reason: tooFewPairs(0, minPairs) };
  const bounds = tangoInterval({ b, c, n }, 1 - 2 * config.alpha);
  let { upper } = bounds;
  if (isFinal && b + c > 0) {
    const atMs = Float64Array.from(kept, (i) => table.atMs[i] ?? 0);
    const { blocks } = chooseBlocks(atMs, z, { lengthsMs: config.blockLengthsMs });
    const options = { seed: seedOf(id), alphas: [config.alpha] };
    const [clustered] = meanInterval(z, blocks.blockOf, blocks.count, options).intervals;
    if (blocks.count >= 2) upper = Math.max(upper, clustered?.inflated.upper ?? upper);
  }
  const isPass = n >= minPairs && under.maxLogE >= needed && upper < margin;
  const isFail = n >= minPairsToFail && over.maxLogE >= Math.log(requiredGates / config.alpha);
  const status = isPass ? "PASS" : isFail ? "FAIL" : "INCONCLUSIVE";
  const isOpen = status === "INCONCLUSIVE";
  return {
    ...result,
    primary: badBaseline / n,
    shadow: (badBaseline + b - c) / n,
    estimate: (b - c) / n,
    interval: intervalOf({ lower: bounds.lower, upper }, config.alpha),
    events: { primary: badBaseline, shadow: badBaseline + b - c, burst: null },
    status,
    reason: !isOpen ? null : n < minPairs ? tooFewPairs(n, minPairs) : tooClose,
    eta_s: isOpen ? etaSeconds(table, n, under.logE, needed) : null,
  };
}

/** When the e-process crosses, if it goes on growing at the rate it had; null when it does not grow. */
function etaSeconds(table: PairTable, n: number, logE: number, needed: number): number | null {
  const spanS = ((table.atMs[table.size - 1] ?? 0) - (table.atMs[0] ?? 0)) / 1_000;
  if (!(spanS > 0) || n < 20) return null;
  const pairsForMinimum = Math.max(0, minPairs - n);
  const growth = logE / n;
  const pairsForEvidence = logE >= needed ? 0 : growth > 0 ? (needed - logE) / growth : Number.NaN;
  return finite((Math.max(pairsForMinimum, pairsForEvidence) * spanS) / n);
}
