import type { GateReason, GateResult } from "../report/shadow-report.ts";
import { cosines, minBlocks } from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import {
  atEnd,
  finite,
  intervalOf,
  smallestDetectable,
  tooClose,
  tooFewPairs,
} from "./gate-result.ts";
import { isRequiredGate, type OutputTerms, outputMargin } from "./output-config.ts";
import type { OutputPair, OutputPairs } from "./output-pairs.ts";
import {
  endBounds,
  evidenceAgainst,
  groupCount,
  independentBounds,
  type OutputValue,
  unitsOf,
} from "./output-units.ts";
import { hasRareFences, type OutputGate, outputGates } from "./output-values.ts";

/** How output gates are judged. */
export interface OutputContext extends OutputTerms {
  /** Probability of a wrong PASS (one-sided). */
  readonly alpha: number;
  /** Probability of a wrong FAIL of one of the required gates. */
  readonly failAlpha: number;
  /** The planned end is reached. */
  readonly isFinal: boolean;
}

/** Fewest pairs for a gate to apply at the planned end, and for a FAIL. */
const minPairsToApply = 50;
/** Fewest pairs for a PASS. */
const minPairsToPass = 500;
/** Fewest requests for a PASS of an agreement gate: only a share of the requests has a control answer. */
const minTriplesToPass = 200;
/** Share of the ok pairs that must have been compared. It matters because long answers are left out first. */
const minCoverage = 0.9;

/**
 * Judges the content of answers. Load does not change what a model says, so requests are independent, except for the
 * turns of a session, which repeat one behaviour. The unit is therefore the session, or a request without a session.
 *
 * At the planned end the interval decides: a PASS if it is below the margin, a FAIL if it is above. A FAIL also needs a
 * stricter bound to be above 0; the required gates share the error of that bound. So equal lanes fail in `alpha` of
 * evaluations, for any number of gates. Before the planned end, a FAIL needs both an e-process over units that crosses
 * its limit and the stricter bound above the margin. At 2,000 pairs in sessions of ten, a test that is valid at every
 * analysis can't detect 3 % of broken answers; the analysis at the planned end can.
 */
export function judgeOutputs(
  outputs: OutputPairs,
  context: OutputContext,
): readonly JudgedOutput[] {
  const coverage = coverageOf(outputs);
  return applicable(outputs, context.isSameModel).map(({ gate, values }) => {
    const judged = withAllPairs(judgeGate(gate, values, context), gate, outputs);
    return {
      gate: coverage < minCoverage ? uncovered(judged, coverage) : judged,
      share: shareOf(gate, values.length, outputs),
    };
  });
}

/** A gate and what it compares. */
interface Applied {
  readonly gate: OutputGate;
  readonly values: readonly OutputValue[];
}

/**
 * Adds an estimate that uses all pairs. How often the shadow disagrees is known for every pair, so only the primary's
 * disagreement with itself comes from the requests with a control. The bounds still come from those requests alone.
 */
function withAllPairs(
  judged: GateResult,
  { badnessOfShadow }: OutputGate,
  { pairs }: OutputPairs,
): GateResult {
  if (badnessOfShadow === undefined || judged.primary === null) return judged;
  const all = pairs.flatMap((pair) => badnessOfShadow(pair) ?? []);
  const mean = all.reduce((sum, each) => sum + each, 0) / all.length;
  return { ...judged, estimate_all: finite(mean - judged.primary) };
}

/** A gate, and the share of the possible requests that it applies to. */
export interface JudgedOutput {
  readonly gate: GateResult;
  readonly share: number;
}

function shareOf({ needsFloorFor }: OutputGate, n: number, { pairs }: OutputPairs): number {
  const hasFloor = ({ floor }: OutputPair) => floor !== undefined;
  const all = needsFloorFor === undefined ? pairs : pairs.filter(hasFloor);
  return all.length === 0 ? 1 : n / all.length;
}

function coverageOf({ pairs, ok }: OutputPairs): number {
  return ok === 0 ? 1 : pairs.length / ok;
}

/**
 * The gates that have requests. Includes, without values, gates that lack only a control answer, and gates about every
 * answer if too few answers were compared.
 */
function applicable(outputs: OutputPairs, isSameModel: boolean): readonly Applied[] {
  const { pairs } = outputs;
  const isUncovered = coverageOf(outputs) < minCoverage;
  const gates = outputGates({ isFenceBad: hasRareFences(pairs) });
  return gates.flatMap((gate) => {
    if (gate.isOfSameModel && !isSameModel) return [];
    const values = pairs.flatMap((pair) => valuesOf(gate, pair));
    const lacksFloor = gate.needsFloorFor !== undefined && pairs.some(gate.needsFloorFor);
    const lacksAnswers = isUncovered && gate.isAboutAll;
    return values.length > 0 || lacksFloor || lacksAnswers ? [{ gate, values }] : [];
  });
}

function valuesOf({ badness }: OutputGate, pair: OutputPair): readonly OutputValue[] {
  const found = badness(pair);
  if (found === undefined) return [];
  return [{ session: pair.session, baseline: found[0], shadow: found[1] }];
}

function judgeGate(
  gate: OutputGate,
  values: readonly OutputValue[],
  context: OutputContext,
): GateResult {
  const { isFinal, alpha, failAlpha } = context;
  const { isBinary } = gate;
  const n = values.length;
  const open = blankOf(gate, n, context);
  if (n < minPairsToApply) return tooFew(open, gate, isFinal);
  const { margin } = open;
  const means = { primary: meanOf(values, "baseline"), shadow: meanOf(values, "shadow") };
  const estimate = means.shadow - means.primary;
  const units = unitsOf(values);
  const groups = groupCount(units);
  const bounds = endBounds({ units, isBinary, alpha });
  const fail = independentBounds({ units, isBinary, alpha: failAlpha });
  const logE = evidenceAgainst(units, margin);
  const isClear = logE >= Math.log(1 / failAlpha) && fail.lower > margin;
  const needed = gate.needsFloorFor === undefined ? minPairsToPass : minTriplesToPass;
  const isOver = isFinal && n >= needed && bounds.lower > margin && fail.lower > 0;
  const isInside = n >= needed && bounds.upper < margin;
  const status = isClear || isOver ? "FAIL" : isFinal && isInside ? "PASS" : "INCONCLUSIVE";
  const found: GateResult = {
    ...open,
    ...{ status, ...means, estimate },
    reason: status === "INCONCLUSIVE" ? whyOpen(n, needed, groups, isInside) : null,
    interval: intervalOf(bounds, alpha),
    fail_interval: intervalOf(fail, failAlpha),
    smallest_detectable: smallestDetectable(
      "rate",
      estimate,
      bounds.upper,
      studentQuantile(1 - alpha, cosines(groups)),
    ),
    events: isBinary ? { primary: n * means.primary, shadow: n * means.shadow, burst: null } : null,
    blocks: groups,
    e_value: finite(Math.exp(Math.min(700, logE))),
    e_needed: 1 / failAlpha,
  };
  return isFinal ? fewLeftOut(found, gate) : found;
}

/** Does not judge a gate with too few pairs at the planned end, if its requests may be rare. */
function fewLeftOut(found: GateResult, { mayBeFew }: OutputGate): GateResult {
  const isLeftOut = mayBeFew && found.reason?.code === "too_few_pairs";
  return isLeftOut ? { ...found, status: "NOT_JUDGED" } : found;
}

function blankOf({ id, isBinary }: OutputGate, n: number, terms: OutputTerms): GateResult {
  const [required, margin] = [isRequiredGate(id, terms), outputMargin(id, terms)];
  return {
    ...{ id, required, kind: "rate", status: "INCONCLUSIVE", reason: null },
    ...{ primary: null, shadow: null, estimate: null, interval: null, fail_interval: null },
    ...{ decided_at: null, smallest_detectable: null, margin, margin_low: null, n },
    method: isBinary ? "tango+ewc" : "ewc",
    ...{ events: null, blocks: null, block_s: null, lag1: null, e_value: null, e_needed: null },
    look: "anytime",
    eta_s: null,
  };
}

function tooFew(open: GateResult, { needsFloorFor }: OutputGate, isFinal: boolean): GateResult {
  const { n } = open;
  if (needsFloorFor !== undefined && n === 0)
    return { ...open, status: "NOT_JUDGED", reason: noFloor };
  const reason = tooFewPairs(n, minPairsToApply);
  return isFinal ? { ...open, status: "NOT_JUDGED", reason } : { ...open, reason };
}

const noFloor: GateReason = {
  ...{ code: "no_floor", has: 0, needs: minPairsToApply },
  text: "how far the primary agrees with itself is not known: add a control mirror",
};

/** The reason speaks of sessions: with this many pairs, so few units can only be sessions. */
function tooFewSessions(has: number): GateReason {
  const text = `needs ${minBlocks} sessions, has ${has}`;
  return { code: "too_few_blocks", has, needs: minBlocks, text };
}

function whyOpen(n: number, needed: number, units: number, isInside: boolean): GateReason {
  if (n < needed) return tooFewPairs(n, needed);
  if (units < minBlocks) return tooFewSessions(units);
  return isInside
    ? { ...atEnd, text: "within the margin so far; judged at the planned end" }
    : tooClose;
}

/** Prevents a PASS: without the answers that were left out, a lane may look too good. A FAIL stays. */
function uncovered(gate: GateResult, coverage: number): GateResult {
  if (gate.status === "FAIL" || gate.reason?.code === "no_floor") return gate;
  const text = `texts of only ${Math.floor(100 * coverage)} % of pairs could be compared`;
  const reason: GateReason = { code: "low_coverage", has: coverage, needs: minCoverage, text };
  return { ...gate, status: "INCONCLUSIVE", reason };
}

function meanOf(values: readonly OutputValue[], lane: "baseline" | "shadow"): number {
  return values.reduce((sum, value) => sum + value[lane], 0) / values.length;
}
