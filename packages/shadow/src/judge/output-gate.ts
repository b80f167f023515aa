import type { GateReason, GateResult } from "../report/shadow-report.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { createEProcess } from "../statistics/e-process.ts";
import { cosineBounds, cosines, influencesOf, minBlocks } from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import { tangoInterval } from "../statistics/tango.ts";
import {
  atEnd,
  finite,
  intervalOf,
  smallestDetectable,
  tooClose,
  tooFewPairs,
} from "./gate-result.ts";
import type { OutputPair, OutputPairs } from "./output-pairs.ts";
import { hasRareFences, type OutputGate, outputGates } from "./output-values.ts";

/** How output gates are judged. */
export interface OutputContext {
  readonly isSameModel: boolean;
  /** Probability of a wrong PASS (one-sided). */
  readonly alpha: number;
  /** Probability of a wrong FAIL of one of the required gates. */
  readonly failAlpha: number;
  /** The planned end is reached. */
  readonly isFinal: boolean;
}

/** Fewest pairs with which a gate applies at the planned end, and with which it may fail. */
const minPairsToApply = 50;
/** Fewest pairs for a PASS. */
const minPairsToPass = 500;
/** The same for a gate about agreement, whose requests are a share of the others. */
const minTriplesToPass = 200;
/** Share of the ok pairs that must have been compared: long answers are left out first. */
const minCoverage = 0.9;

/** Number of output gates that are required, which share the error of a wrong FAIL. */
export function requiredOutputGates(
  outputs: OutputPairs,
  { isSameModel }: Pick<OutputContext, "isSameModel">,
): number {
  return applicable(outputs, isSameModel).filter(({ gate, values }) =>
    isRequired(gate, values.length, isSameModel),
  ).length;
}

/**
 * Judges what the answers are. What a model says does not wait in a queue, so the unit is the session, whose turns repeat
 * one behaviour, or the request if it has none. PASS only at the planned end, by the wider of Tango's interval and the
 * long-run interval over units. FAIL at any analysis, if an e-process over units crosses its limit and the interval over
 * units is over the margin.
 */
export function judgeOutputs(
  outputs: OutputPairs,
  context: OutputContext,
): readonly JudgedOutput[] {
  const coverage = coverageOf(outputs);
  return applicable(outputs, context.isSameModel).map(({ gate, values }) => {
    const judged = judgeGate(gate, values, context);
    return {
      gate: coverage < minCoverage ? uncovered(judged, coverage) : judged,
      share: shareOf(gate, values.length, outputs),
    };
  });
}

/** A gate and what it compares. */
interface Applied {
  readonly gate: OutputGate;
  readonly values: readonly Value[];
}

/** How bad a pair is on each lane, and the unit that it belongs to. */
interface Value {
  readonly session: string | null;
  readonly baseline: number;
  readonly shadow: number;
}

/** A gate, and the share of the requests that could be of its kind that are. */
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
 * The gates for which there are requests. One that only lacks a floor is among them, without values, and so are those
 * about every answer where too few were compared.
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

function valuesOf({ badness }: OutputGate, pair: OutputPair): readonly Value[] {
  const found = badness(pair);
  if (found === undefined) return [];
  return [{ session: pair.session, baseline: found[0], shadow: found[1] }];
}

function isRequired(
  { required, needsFloorFor }: OutputGate,
  n: number,
  isSameModel: boolean,
): boolean {
  if (needsFloorFor !== undefined && n === 0) return false;
  if (required === "with_pairs") return n >= minPairsToPass;
  return required === "always" || isSameModel;
}

function judgeGate(gate: OutputGate, values: readonly Value[], context: OutputContext): GateResult {
  const { isFinal, alpha, failAlpha, isSameModel } = context;
  const n = values.length;
  const open = blankOf(gate, n, isRequired(gate, n, isSameModel));
  if (n < minPairsToApply) return tooFew(open, gate, isFinal);
  const means = { primary: meanOf(values, "baseline"), shadow: meanOf(values, "shadow") };
  const estimate = means.shadow - means.primary;
  const units = unitsOf(values);
  const groups = groupsOf(units, n, estimate);
  const bounds = boundsOf(gate, values, groups, alpha);
  const fail = failBoundsOf(gate, values, units, failAlpha);
  const logE = evidenceAgainst(units, gate.margin);
  const isFail = logE >= Math.log(1 / failAlpha) && fail.lower > gate.margin;
  const needed = gate.needsFloorFor === undefined ? minPairsToPass : minTriplesToPass;
  const isInside = n >= needed && bounds.upper < gate.margin;
  const status = isFail ? "FAIL" : isFinal && isInside ? "PASS" : "INCONCLUSIVE";
  return {
    ...open,
    ...{ status, ...means, estimate },
    reason: status === "INCONCLUSIVE" ? whyOpen(n, needed, groups.count, isInside) : null,
    interval: intervalOf(bounds, alpha),
    fail_interval: intervalOf(fail, failAlpha),
    smallest_detectable: smallestDetectable(
      "rate",
      estimate,
      bounds.upper,
      studentQuantile(1 - alpha, cosines(groups.count)),
    ),
    events: gate.isBinary
      ? { primary: n * means.primary, shadow: n * means.shadow, burst: null }
      : null,
    blocks: groups.count,
    e_value: finite(Math.exp(Math.min(700, logE))),
    e_needed: 1 / failAlpha,
  };
}

function blankOf({ id, margin, isBinary }: OutputGate, n: number, required: boolean): GateResult {
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

/** There are more pairs than that, so the units are sessions. */
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

/** Without the answers that were left out, a lane may look better than it is. A FAIL stays. */
function uncovered(gate: GateResult, coverage: number): GateResult {
  if (gate.status === "FAIL" || gate.reason?.code === "no_floor") return gate;
  const text = `texts of only ${Math.floor(100 * coverage)} % of pairs could be compared`;
  const reason: GateReason = { code: "low_coverage", has: coverage, needs: minCoverage, text };
  return { ...gate, status: "INCONCLUSIVE", reason };
}

function meanOf(values: readonly Value[], lane: "baseline" | "shadow"): number {
  return values.reduce((sum, value) => sum + value[lane], 0) / values.length;
}

/** Sum and number of the differences of one session, or of one request. */
interface Unit {
  sum: number;
  size: number;
}

/** Units in the order of their last request. */
function unitsOf(values: readonly Value[]): readonly Unit[] {
  const sessions = new Map<string, Unit>();
  const units = new Set<Unit>();
  for (const { session, baseline, shadow } of values) {
    const unit = (session === null ? undefined : sessions.get(session)) ?? { sum: 0, size: 0 };
    if (session !== null) sessions.set(session, unit);
    unit.sum += shadow - baseline;
    unit.size++;
    // To the end of the order.
    units.delete(unit);
    units.add(unit);
  }
  return [...units];
}

/** Share of the evidence that one bet may cost: a mean over a session is rarely near -1. */
const mostStaked = 0.95;

/** Bets on the mean difference of each unit. */
function evidenceAgainst(units: readonly Unit[], margin: number): number {
  const over = createEProcess(margin, "above", { mostStaked });
  for (const { sum, size } of units) over.add(sum / size);
  return over.maxLogE;
}

/** Neighbouring units together, so that the work does not grow with their number. */
interface Groups {
  readonly count: number;
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly size: number;
  readonly mean: number;
}

const maxGroups = 720;

function groupsOf(units: readonly Unit[], size: number, mean: number): Groups {
  const count = Math.min(maxGroups, units.length);
  const [counts, sums] = [new Float64Array(count), new Float64Array(count)];
  units.forEach((unit, i) => {
    const group = Math.floor((i * count) / units.length);
    counts[group] = (counts[group] ?? 0) + unit.size;
    sums[group] = (sums[group] ?? 0) + unit.sum;
  });
  return { count, counts, sums, size, mean };
}

const anything: Bounds = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };

/** Bounds that decide PASS: allow for behaviour that changes over the run. */
function boundsOf(
  gate: OutputGate,
  values: readonly Value[],
  groups: Groups,
  alpha: number,
): Bounds {
  if (groups.count < minBlocks) return anything;
  const longRun = cosineBounds(groups.mean, influencesOf(groups), alpha);
  return atLeastTango(longRun, { gate, values, alpha });
}

/** Bounds that a FAIL needs besides the e-process. Like that, they take units to be independent. */
function failBoundsOf(
  gate: OutputGate,
  values: readonly Value[],
  units: readonly Unit[],
  alpha: number,
): Bounds {
  const count = units.length;
  if (count < minBlocks) return anything;
  const mean = meanOf(values, "shadow") - meanOf(values, "baseline");
  const perUnit = values.length / count;
  const squares = units.reduce(
    (sum, unit) => sum + ((unit.sum - unit.size * mean) / perUnit) ** 2,
    0,
  );
  const error = Math.sqrt(squares / (count - 1) / count);
  const radius = studentQuantile(1 - alpha, count - 1) * error;
  return atLeastTango({ lower: mean - radius, upper: mean + radius }, { gate, values, alpha });
}

/** Rare events are skewed, and none at all would leave no width: Tango's interval is right for both. */
function atLeastTango(
  bounds: Bounds,
  { gate, values, alpha }: { gate: OutputGate; values: readonly Value[]; alpha: number },
): Bounds {
  if (!gate.isBinary) return bounds;
  const worse = values.filter(({ baseline, shadow }) => shadow > baseline).length;
  const better = values.filter(({ baseline, shadow }) => shadow < baseline).length;
  const discordance = { b: worse, c: better, n: values.length };
  const once = tangoInterval(discordance, 1 - 2 * alpha);
  return {
    lower: Math.min(once.lower, bounds.lower),
    upper: Math.max(once.upper, bounds.upper),
  };
}
