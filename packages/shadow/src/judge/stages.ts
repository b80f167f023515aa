import type { GateResult, Interval, ShadowReport } from "../report/shadow-report.ts";
import type { EvaluationConfig } from "./config.ts";
import type { EvaluationFacts } from "./input.ts";

/** Share of the horizon that counts as reached: the last request is sent slightly before the end. */
const nearlyAll = 0.99;

/** True if an evaluation has run for its planned length. */
export function isOver(
  elapsedMs: number,
  { horizonMs }: Pick<EvaluationConfig, "horizonMs">,
  stage = 1,
): boolean {
  return elapsedMs >= plannedMs({ horizonMs }, stage);
}

/** Length of the run at the end of a stage; each stage doubles the previous one. */
export function plannedMs(
  { horizonMs }: Pick<EvaluationConfig, "horizonMs">,
  stage: number,
): number {
  return horizonMs * nearlyAll * 2 ** (stage - 1);
}

/**
 * Probability of a wrong PASS at a stage: alpha at the planned end, which gives the verdict. Continuing after an
 * INCONCLUSIVE verdict adds a quarter of alpha, then an eighth, and so on: at most half of alpha in total.
 */
export function alphaOf({ alpha }: Pick<EvaluationConfig, "alpha">, stage: number): number {
  return stage === 1 ? alpha : alpha / 2 ** stage;
}

/**
 * Longest time that the final analysis waits for twins in flight at the planned end, in ms. Later twins are not paired.
 */
export const longestWaitMs = 660_000;

/**
 * Whether the final analysis is due: the planned length or the budget is over, and all requests sent before have an
 * outcome.
 */
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

/** The stage of an analysis, given the previous report. */
export function stageAfter(earlier: ShadowReport | undefined): number {
  const final = earlier?.verdict.final;
  if (earlier === undefined || final === null || final === undefined) return 1;
  return earlier.verdict.status === "INCONCLUSIVE" ? final.stage + 1 : final.stage;
}

/**
 * Returns the earlier report if it is also the result of this analysis: a stage has one verdict, and only an
 * INCONCLUSIVE one is followed by another stage. After an early FAIL, analyses continue up to the planned end.
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

/** Combines a gate with its earlier results: a FAIL stays, and so do bounds that hold at every analysis. */
export function settled(
  gate: GateResult,
  earlier: GateResult | undefined,
  { at, isFinal }: { readonly at: string; readonly isFinal: boolean },
): GateResult {
  // Keep the whole result of the analysis that failed: estimate and interval belong together.
  if (earlier?.status === "FAIL") return { ...earlier, reason: null };
  const fail_interval = isOfRatio(gate)
    ? both(gate.fail_interval, earlier?.fail_interval ?? null)
    : gate.fail_interval;
  const isDecided = gate.status === "FAIL" || (isFinal && gate.status !== "INCONCLUSIVE");
  return { ...gate, fail_interval, decided_at: isDecided ? at : null };
}

/** True for ratio gates. Bounds of rates are valid for one analysis only. */
function isOfRatio({ kind, look }: GateResult): boolean {
  return kind === "ratio" && look === "anytime";
}

function both(now: Interval | null, before: Interval | null): Interval | null {
  if (now === null || before === null) return now ?? before;
  const tighter = (of: "max" | "min", a: number | null, b: number | null) =>
    a === null || b === null ? (a ?? b) : Math[of](a, b);
  const lower = tighter("max", now.lower, before.lower);
  const upper = tighter("min", now.upper, before.upper);
  // The lanes have changed in between: no ratio is within the bounds of both analyses.
  const isEmpty = lower !== null && upper !== null && lower > upper;
  return isEmpty ? now : { lower, upper, level: now.level };
}
