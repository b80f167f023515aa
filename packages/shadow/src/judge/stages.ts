import type { GateResult, Interval, ShadowReport } from "../report/shadow-report.ts";
import type { EvaluationConfig } from "./config.ts";
import type { EvaluationFacts } from "./input.ts";

/** The last request of a run leaves a little before its end. */
const nearlyAll = 0.99;

/** True when an evaluation has run for its planned length. */
export function isOver(
  elapsedMs: number,
  { horizonMs }: Pick<EvaluationConfig, "horizonMs">,
  stage = 1,
): boolean {
  return elapsedMs >= plannedMs({ horizonMs }, stage);
}

/** Length of the run at the end of a stage: each doubles the one before. */
export function plannedMs(
  { horizonMs }: Pick<EvaluationConfig, "horizonMs">,
  stage: number,
): number {
  return horizonMs * nearlyAll * 2 ** (stage - 1);
}

/**
 * Error of a wrong PASS at a stage: all of alpha at the planned end, which gives the verdict; who goes on after an
 * INCONCLUSIVE one spends a quarter more, then an eighth, and so on: half of alpha in all.
 */
export function alphaOf({ alpha }: Pick<EvaluationConfig, "alpha">, stage: number): number {
  return stage === 1 ? alpha : alpha / 2 ** stage;
}

/** The longest that the final look waits for twins that are open at the planned end, in ms: then none is paired any more. */
export const longestWaitMs = 660_000;

/** The final look is due: the planned length, or the budget, is over, and what was sent before that has its outcome. */
export function endOf(
  elapsedMs: number,
  config: Pick<EvaluationConfig, "horizonMs">,
  { facts, stage }: { readonly facts: EvaluationFacts; readonly stage: number },
): { readonly hasEnded: boolean; readonly waitsFor: number } {
  const isPast = isOver(elapsedMs, config, stage) || facts.isBudgetSpent === true;
  const open = isPast && facts.isFinished !== true ? (facts.openBeforeEnd ?? 0) : 0;
  const waitsFor = elapsedMs < plannedMs(config, stage) + longestWaitMs ? open : 0;
  return { hasEnded: (isPast && waitsFor === 0) || facts.isFinished === true, waitsFor };
}

/** The stage that a look belongs to, with what looks before it have found. */
export function stageAfter(earlier: ShadowReport | undefined): number {
  const final = earlier?.verdict.final;
  if (earlier === undefined || final === null || final === undefined) return 1;
  return earlier.verdict.status === "INCONCLUSIVE" ? final.stage + 1 : final.stage;
}

/**
 * The report of an earlier look, where it is the answer to this one as well: a stage has one verdict, and only an INCONCLUSIVE
 * one is followed by another stage. After an early FAIL there are more looks, up to the planned end.
 */
export function standing(
  earlier: ShadowReport | undefined,
  elapsedMs: number,
  config: EvaluationConfig,
): ShadowReport | undefined {
  if (earlier === undefined || earlier.verdict.final === null) return undefined;
  const { status } = earlier.verdict;
  if (status === "FAIL" && !earlier.evaluation.is_final) return undefined;
  const isOpen = status === "INCONCLUSIVE";
  return isOpen && isOver(elapsedMs, config, stageAfter(earlier)) ? undefined : earlier;
}

/** What earlier looks have found of a gate stays: a FAIL, and bounds that hold at every look. */
export function settled(
  gate: GateResult,
  earlier: GateResult | undefined,
  { at, isFinal }: { readonly at: string; readonly isFinal: boolean },
): GateResult {
  // All of it is of the look that failed: an estimate of another does not belong to its interval.
  if (earlier?.status === "FAIL") return { ...earlier, reason: null };
  const fail_interval = isOfRatio(gate)
    ? both(gate.fail_interval, earlier?.fail_interval ?? null)
    : gate.fail_interval;
  const isDecided = gate.status === "FAIL" || (isFinal && gate.status !== "INCONCLUSIVE");
  return { ...gate, fail_interval, decided_at: isDecided ? at : null };
}

/** Bounds of rates hold at one look, together with the evidence of that look. */
function isOfRatio({ kind, look }: GateResult): boolean {
  return kind === "ratio" && look === "anytime";
}

function both(now: Interval | null, before: Interval | null): Interval | null {
  if (now === null || before === null) return now ?? before;
  const tighter = (of: "max" | "min", a: number | null, b: number | null) =>
    a === null || b === null ? (a ?? b) : Math[of](a, b);
  const lower = tighter("max", now.lower, before.lower);
  const upper = tighter("min", now.upper, before.upper);
  // The lanes have changed since: no ratio is within the bounds of both looks.
  const isEmpty = lower !== null && upper !== null && lower > upper;
  return isEmpty ? now : { lower, upper, level: now.level };
}
