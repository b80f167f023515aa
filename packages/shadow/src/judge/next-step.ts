import type { GateResult, ReportVerdict, ValidityCheck } from "../report/shadow-report.ts";
import type { EvaluationConfig } from "./config.ts";
import { reachProblems } from "./reach.ts";
import { plannedMs } from "./stages.ts";

export interface NextStepInput {
  /** Required gates without an answer. */
  readonly open: readonly GateResult[];
  /** Checks that keep from PASS. */
  readonly held: readonly ValidityCheck[];
  readonly isFinal: boolean;
  readonly isBudgetSpent: boolean;
  /** The samples are a finished run: no more come. */
  readonly isFinished?: boolean;
  /** Until the planned end, in seconds. */
  readonly leftS: number;
  /** Stage of the look: 1 at the planned end, one more at each doubling. */
  readonly stage: number;
  /** Of the run so far, in seconds; that of the stage's end when absent. */
  readonly elapsedS?: number;
  readonly pairs: number;
  readonly config: Pick<EvaluationConfig, "horizonMs" | "warmupMs" | "minPairs" | "blockLengthsMs">;
}

type Next = ReportVerdict["next"];

/** Nobody waits longer than this for a gate. */
const longestEtaS = 24 * 3_600;

/** What to do about an evaluation without an answer. It is never told to run on where that would not help. */
export function nextStep(input: NextStepInput): Next {
  return neverJudged(input) ?? afterBudget(input) ?? afterCheck(input) ?? runOn(input);
}

/** A horizon without room for a gate: more of the same does not make any. */
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
      "find out why the shadow gets slower (restarts, memory, load), then start a new evaluation: a longer run would only average it away";
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
    const action = `run on until there are ${grouped(config.minPairs)} pairs (${grouped(pairs)} so far)`;
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

/** A verdict comes at the end of a stage, and not as soon as a gate could have one. */
function atNextVerdict(eta: number, { stage, config, ...input }: NextStepInput): Next {
  const endOf = (each: number) => plannedMs(config, each) / 1_000;
  const elapsedS = input.elapsedS ?? endOf(stage);
  let next = stage + 1;
  while (endOf(next) < elapsedS + eta) next++;
  const left = Math.ceil(endOf(next) - elapsedS);
  const action = `run on: the verdict at ${minutes(endOf(next))} min of the run, in about ${minutes(left)} min, can decide`;
  return { action, eta_s: left };
}

function minutes(seconds: number): number {
  return Math.ceil(seconds / 60);
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
