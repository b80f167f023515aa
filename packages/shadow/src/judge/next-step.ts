import type { GateResult, ReportVerdict, ValidityCheck } from "../report/shadow-report.ts";
import type { EvaluationConfig } from "./config.ts";
import { reachProblems } from "./reach.ts";
import { plannedMs } from "./stages.ts";

export interface NextStepInput {
  /** Required gates that are undecided. */
  readonly open: readonly GateResult[];
  /** Checks that prevent a PASS. */
  readonly held: readonly ValidityCheck[];
  readonly isFinal: boolean;
  readonly isBudgetSpent: boolean;
  /** The samples are a finished run; no more will follow. */
  readonly isFinished?: boolean;
  /** Time until the planned end, in seconds. */
  readonly leftS: number;
  /** Stage of the analysis: 1 up to the planned end, plus one for each doubling of the time. */
  readonly stage: number;
  /** Length of the run so far, in seconds; the end of the stage when absent. */
  readonly elapsedS?: number;
  readonly pairs: number;
  readonly config: Pick<EvaluationConfig, "horizonMs" | "warmupMs" | "minPairs" | "blockLengthsMs">;
}

type Next = ReportVerdict["next"];

/** Longest wait for a gate that is suggested. */
const longestEtaS = 24 * 3_600;

/** Recommends what to do about an undecided evaluation. Never recommends a longer run if that would not help. */
export function nextStep(input: NextStepInput): Next {
  return neverJudged(input) ?? afterBudget(input) ?? afterCheck(input) ?? runOn(input);
}

/** Recommendation if the horizon is too short for some gate, which a longer run would not fix. */
function neverJudged({ config }: NextStepInput): Next | undefined {
  const all = { maxRequests: Number.POSITIVE_INFINITY, maxDurationMs: Number.POSITIVE_INFINITY };
  const [problem] = reachProblems(config, all).filter(({ severity }) => severity === "error");
  if (problem === undefined) return undefined;
  return { action: `${problem.remedy}, then start a new evaluation`, eta_s: null };
}

function afterBudget({ isBudgetSpent, isFinal, pairs, config }: NextStepInput): Next | undefined {
  if (!isBudgetSpent || isFinal) return undefined;
  const action = `the budget is spent with ${grouped(pairs)} of ${grouped(config.minPairs)} pairs: raise the share or maxDuration, then start a new evaluation`;
  return { action, eta_s: null };
}

function afterCheck({ held }: NextStepInput): Next | undefined {
  const ids = new Set(held.map(({ id }) => id));
  if (ids.has("drift")) {
    const action =
      "find out why the shadow gets slower (restarts, memory, load), then start a new evaluation: a longer run would only hide it in the average";
    return { action, eta_s: null };
  }
  if (ids.has("load_ratio")) {
    const action =
      "give the shadow's replicas the primary's load (percent = shadow replicas / primary replicas), then start a new evaluation";
    return { action, eta_s: null };
  }
  const note = held.find((check) => check.note !== null && check.note !== undefined)?.note;
  return note === undefined || note === null ? undefined : { action: note, eta_s: null };
}

function runOn(input: NextStepInput): Next {
  const { open, isFinal, isFinished, leftS, pairs, config } = input;
  if (leftS > 0) {
    return { action: `run about ${minutes(leftS)} min more`, eta_s: Math.ceil(leftS) };
  }
  if (!isFinal && isFinished === true) {
    const action = `record a longer run: ${grouped(config.minPairs)} pairs are needed, and these samples have ${grouped(pairs)}`;
    return { action, eta_s: null };
  }
  if (!isFinal) {
    const action = `continue until there are ${grouped(config.minPairs)} pairs (${grouped(pairs)} so far)`;
    return { action, eta_s: null };
  }
  const undecided = open.filter(({ eta_s }) => eta_s === null || eta_s > longestEtaS);
  if (undecided.length > 0) {
    const names = undecided.map(({ id }) => id).join(", ");
    const verb = undecided.length === 1 ? "is" : "are";
    const action = `${names} ${verb} too close to call, and more time alone would not decide: mirror a larger share, or widen the margin`;
    return { action, eta_s: null };
  }
  const eta = Math.max(0, ...open.map(({ eta_s }) => eta_s ?? 0));
  if (eta === 0) return { action: "run longer, or mirror a larger share", eta_s: null };
  return isFinished === true
    ? { action: `record a run that is about ${minutes(eta)} min longer`, eta_s: null }
    : atNextVerdict(eta, input);
}

/** Recommends the end of the stage at which a verdict can decide: verdicts are only given at the end of a stage. */
function atNextVerdict(eta: number, { stage, config, ...input }: NextStepInput): Next {
  const endOf = (each: number) => plannedMs(config, each) / 1_000;
  const elapsedS = input.elapsedS ?? endOf(stage);
  let next = stage + 1;
  while (endOf(next) < elapsedS + eta) next++;
  const left = Math.ceil(endOf(next) - elapsedS);
  const action = `continue: the verdict at ${minutes(endOf(next))} min of the run, in about ${minutes(left)} min, can decide`;
  return { action, eta_s: left };
}

function minutes(seconds: number): number {
  return Math.ceil(seconds / 60);
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
