import { changeWords } from "../report/change-words.ts";
import { gateFinding } from "../report/gate-sentence.ts";
import { segmentText } from "../report/segment-text.ts";
import type { GateResult, ShadowReport, VerdictStatus } from "../report/shadow-report.ts";
import { notChecked } from "./check-words.ts";
import { count, duration, nextStep, unknown, utcTime } from "./format.ts";

/** Sign of each verdict, so that nothing depends on colour alone. */
const verdictSigns: Readonly<Record<VerdictStatus, string>> = {
  PASS: "✓",
  FAIL: "✗",
  INCONCLUSIVE: "…",
  INVALID: "!",
};

/** The first lines of every form of a report. */
export interface Headline {
  readonly status: VerdictStatus;
  readonly sign: string;
  /** `PASS`, or `collecting` while no verdict is possible yet. */
  readonly word: string;
  /** Sentences without full stop. While collecting: what is missing, and until when. */
  readonly reasons: readonly string[];
  /**
   * What the verdict does not cover: advisory gates over their margins, kinds of requests that are worse, missing
   * checks.
   */
  readonly caveats: readonly string[];
  readonly next: string;
  /** Where to look first, for a FAIL and for segments that are worse. */
  readonly where: readonly string[];
}

const maxListed = 5;

export function headlineOf(report: ShadowReport): Headline {
  const { verdict } = report;
  const { status } = verdict;
  const isWaiting = isCollecting(report);
  return {
    status,
    sign: verdictSigns[status],
    word: isWaiting ? "collecting" : status,
    reasons: isWaiting ? missing(report) : verdict.reasons.map(({ text }) => text),
    caveats: status === "INVALID" ? [] : caveatsOf(report),
    next: isWaiting ? waitFor(report) : nextStep(verdict.next),
    where: isWaiting ? [] : whereOf(report),
  };
}

/** `✗ FAIL`, `… collecting` */
export function verdictWord(report: ShadowReport): string {
  const { sign, word } = headlineOf(report);
  return `${sign} ${word}`;
}

/** True before the planned end while no PASS is possible and there is no evidence against the shadow. */
function isCollecting({ verdict, evaluation, limits_hit }: ShadowReport): boolean {
  const isSpent = limits_hit.some((limit) => limit.startsWith("the budget"));
  return verdict.status === "INCONCLUSIVE" && !evaluation.is_final && !isSpent;
}

function missing(report: ShadowReport): readonly string[] {
  const { evaluation, funnel, gates, verdict } = report;
  const { min_pairs, horizon_s, elapsed_s } = evaluation;
  if (verdict.reasons.some(({ code }) => code === "not_started")) {
    return verdict.reasons.map(({ text }) => text);
  }
  const left = horizon_s - elapsed_s;
  const required = gates.filter((gate) => gate.required && gate.status !== "NOT_JUDGED");
  const open = required.filter(({ status }) => status === "INCONCLUSIVE");
  const checks = verdict.reasons.filter(({ code }) => code.startsWith("check_"));
  return [
    ...(funnel.used < min_pairs
      ? [`${count(funnel.used)} of ${count(min_pairs)} pairs collected`]
      : []),
    ...(left > 0 ? [`the planned end is ${duration(left)} away${endOf(report)}`] : []),
    ...(open.length === 0
      ? []
      : [
          `undecided: ${count(open.length)} of ${count(required.length)} required gates${listed(open)}`,
        ]),
    ...checks.map(({ text }) => text),
  ];
}

function listed(gates: readonly GateResult[]): string {
  if (gates.length > maxListed) return "";
  return ` (${gates.map(({ id }) => id).join(", ")})`;
}

/** `, at 2026-01-01 00:30 UTC`; empty before the evaluation has started. */
function endOf({ evaluation }: ShadowReport): string {
  const end = Date.parse(evaluation.started_at) + evaluation.horizon_s * 1_000;
  const hasStarted = utcTime(evaluation.started_at) !== unknown && Number.isFinite(end);
  return hasStarted ? `, at ${utcTime(new Date(end).toISOString()).slice(0, 16)} UTC` : "";
}

function waitFor({ evaluation, verdict }: ShadowReport): string {
  const left = evaluation.horizon_s - evaluation.elapsed_s;
  if (verdict.reasons.some(({ code }) => code === "not_started" || code === "too_few_pairs")) {
    return nextStep(verdict.next);
  }
  const eta = Math.max(left, verdict.next.eta_s ?? 0);
  return eta > 0
    ? `nothing to do: the verdict comes in about ${duration(eta)}`
    : nextStep(verdict.next);
}

function caveatsOf(report: ShadowReport): readonly string[] {
  const { gates, segments, evaluation } = report;
  const over = gates.filter((gate) => !gate.required && isOver(gate));
  const isWaiting = isCollecting(report);
  const codes = new Set(report.verdict.reasons.map(({ code }) => code));
  const isToldOf = isWaiting || codes.has("some_gates_passed");
  const unjudged = report.verdict.not_judged.filter((each) => !(isToldOf && each.required));
  const isNamed = whereOf(report).length > 0;
  const flagged = isNamed ? [] : segments.filter((segment) => segment.flagged);
  const { load } = evaluation;
  const isShort =
    !isWaiting &&
    !codes.has("few_swings") &&
    load !== null &&
    load.swings !== null &&
    load.swings < load.swings_needed;
  return [
    ...over.map(
      (gate) =>
        `${gateFinding(gate)} is over its ${changeWords(gate.margin, gate.kind)} margin (advisory)`,
    ),
    ...flagged.slice(0, maxListed).map((segment) => `worse for ${segmentText(segment)}`),
    ...(unjudged.length === 0
      ? []
      : [`not judged: ${unjudged.map(({ gate, text }) => `${gate} (${text})`).join("; ")}`]),
    ...(isShort
      ? [
          `load swings last about ${duration(load.tau_s)}, and the run covers ${count(load.swings)} of the ${count(load.swings_needed)} needed for the promised error rates`,
        ]
      : []),
    ...[notChecked(report)].flatMap((text) => (text === undefined ? [] : [text])),
  ];
}

/** An advisory gate whose whole interval is over its margin. */
function isOver({ interval, margin, status, estimate }: GateResult): boolean {
  if (status === "FAIL") return true;
  const lower = interval?.lower ?? null;
  return lower !== null && estimate !== null && lower > margin;
}

function whereOf({ verdict, gates, segments, errors }: ShadowReport): readonly string[] {
  const flagged = segments.filter((segment) => segment.flagged).slice(0, maxListed);
  const worse = flagged.map((segment) => segmentText(segment));
  if (verdict.status !== "FAIL") {
    return verdict.reasons.some(({ code }) => code === "segment_worse") ? worse : [];
  }
  const failed = gates
    .filter((gate) => gate.required && gate.status === "FAIL")
    .map(({ id }) => id);
  const classes = errors.matrix
    .filter(([primary, shadow]) => primary === "ok" && shadow !== "ok")
    .slice(0, 3)
    .map(([, shadow, n]) => `${shadow} ${count(n)}`);
  const isErrors = failed.some((id) => errorGates.includes(id));
  return [
    ...worse,
    ...(isErrors && classes.length > 0 ? [`the shadow's errors: ${classes.join(", ")}`] : []),
    ...adviceFor(failed),
  ];
}

const errorGates = ["errors", "bad_request", "empty", "malformed"];

function adviceFor(failed: readonly string[]): readonly string[] {
  const tails = failed.filter((id) => /\.p\d\d$/.test(id));
  return [
    ...(tails.length === 0
      ? []
      : [`${tails.join(", ")}: examine the slow requests (queueing, preemption, long prompts)`]),
    ...(failed.includes("slo")
      ? ["slo: compare the latency gates with the limits of the SLO"]
      : []),
  ];
}
