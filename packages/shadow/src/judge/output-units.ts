import type { Bounds } from "../statistics/confidence-sequence.ts";
import { createEProcess, type EProcess } from "../statistics/e-process.ts";
import { cosineBounds, influencesOf, minBlocks } from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import { tangoInterval } from "../statistics/tango.ts";

/** How bad a pair is on each lane, 0 to 1, and the session that it belongs to. */
export interface OutputValue {
  readonly session: string | null;
  readonly baseline: number;
  readonly shadow: number;
}

/**
 * The pairs of one session, or the pair of a request without a session. Load does not change what a model says, so
 * units are independent. The turns of one session are not: they repeat one behaviour.
 */
export interface Unit {
  /** Sum of the differences, shadow minus primary. */
  sum: number;
  size: number;
  /** Pairs that are worse on the shadow, and that are better there. */
  worse: number;
  better: number;
}

/** Units in the order of their last request. */
export function unitsOf(values: readonly OutputValue[]): readonly Unit[] {
  const sessions = new Map<string, Unit>();
  const units = new Set<Unit>();
  for (const { session, baseline, shadow } of values) {
    const known = session === null ? undefined : sessions.get(session);
    const unit = known ?? { sum: 0, size: 0, worse: 0, better: 0 };
    if (session !== null) sessions.set(session, unit);
    unit.sum += shadow - baseline;
    unit.size++;
    if (shadow > baseline) unit.worse++;
    if (shadow < baseline) unit.better++;
    // Moves the unit to the end of the order.
    units.delete(unit);
    units.add(unit);
  }
  return [...units];
}

/** Share of the evidence that one bet may cost: a mean over a session is rarely near -1. */
const mostStaked = 0.95;

/** Largest evidence so far, as a logarithm, that the mean difference is over the margin. Bets on the mean of each unit. */
export function evidenceAgainst(units: readonly Unit[], margin: number): number {
  return betsOn(units, margin).maxLogE;
}

/** The e-value of this moment, which may be combined with others. The largest so far may not. */
export function evidenceNow(units: readonly Unit[], margin: number): number {
  return Math.exp(Math.min(700, betsOn(units, margin).logE));
}

function betsOn(units: readonly Unit[], margin: number): EProcess {
  const over = createEProcess(margin, "above", { mostStaked });
  for (const { sum, size } of units) over.add(sum / size);
  return over;
}

/** Number of groups of neighbouring units. It is limited, so that the work does not grow with the number of units. */
export function groupCount(units: readonly Unit[]): number {
  return Math.min(720, units.length);
}

const anything: Bounds = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };

/** Bounds of the mean difference for one analysis, at error `alpha` on each side. */
export interface BoundsInput {
  readonly units: readonly Unit[];
  /** Each difference is -1, 0 or 1. */
  readonly isBinary: boolean;
  readonly alpha: number;
}

/** Bounds that decide at the planned end: they allow for behaviour that changes over the run. */
export function endBounds(input: BoundsInput): Bounds {
  const { units, alpha } = input;
  const count = groupCount(units);
  if (count < minBlocks) return anything;
  const [counts, sums] = [new Float64Array(count), new Float64Array(count)];
  units.forEach((unit, i) => {
    const group = Math.floor((i * count) / units.length);
    counts[group] = (counts[group] ?? 0) + unit.size;
    sums[group] = (sums[group] ?? 0) + unit.sum;
  });
  const { size, mean } = totalOf(units);
  const longRun = cosineBounds(mean, influencesOf({ count, counts, sums, size, mean }), alpha);
  return atLeastTango(longRun, input);
}

/** Bounds that a FAIL needs in addition to the e-process. Both assume that units are independent. */
export function independentBounds(input: BoundsInput): Bounds {
  const { units, alpha } = input;
  const count = units.length;
  if (count < minBlocks) return anything;
  const { size, mean } = totalOf(units);
  const squares = units.reduce(
    (sum, unit) => sum + (((unit.sum - unit.size * mean) * count) / size) ** 2,
    0,
  );
  const radius = studentQuantile(1 - alpha, count - 1) * Math.sqrt(squares / (count - 1) / count);
  return atLeastTango({ lower: mean - radius, upper: mean + radius }, input);
}

/** Tango's interval suits rare events: their distribution is skewed, and other intervals have no width at 0 events. */
function atLeastTango(bounds: Bounds, { units, isBinary, alpha }: BoundsInput): Bounds {
  if (!isBinary) return bounds;
  const { size, worse, better } = totalOf(units);
  const each = designEffect(units);
  const discordance = { b: worse / each, c: better / each, n: size / each };
  const once = tangoInterval(discordance, 1 - 2 * alpha);
  return {
    lower: Math.min(once.lower, bounds.lower),
    upper: Math.max(once.upper, bounds.upper),
  };
}

function totalOf(units: readonly Unit[]) {
  const total = { sum: 0, size: 0, worse: 0, better: 0 };
  for (const { sum, size, worse, better } of units) {
    total.sum += sum;
    total.size += size;
    total.worse += worse;
    total.better += better;
  }
  return { ...total, mean: total.size === 0 ? 0 : total.sum / total.size };
}

/**
 * Number of discordant pairs that carry as much information as one independent pair (Kish's design effect), from the
 * squares of the units' sums. It is uncertain if few sessions have discordant pairs, so its own relative standard error
 * is added. 1 without sessions.
 */
function designEffect(units: readonly Unit[]): number {
  const { worse, better } = totalOf(units);
  if (worse + better === 0 || units.every(({ size }) => size === 1)) return 1;
  let [squares, fourths] = [0, 0];
  for (const { sum } of units) {
    squares += sum ** 2;
    fourths += sum ** 4;
  }
  return Math.max(1, (squares + Math.sqrt(fourths)) / (worse + better));
}
