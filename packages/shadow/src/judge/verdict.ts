import { failedSentence, undecidedSentence } from "../report/gate-sentence.ts";
import type { GateResult, ReportVerdict, ValidityCheck } from "../report/shadow-report.ts";

export interface VerdictInput {
  readonly gates: readonly GateResult[];
  readonly validity: readonly ValidityCheck[];
  readonly isFinal: boolean;
  readonly pairs: number;
  readonly minPairs: number;
  /** Until the horizon, in seconds; 0 or less behind it. */
  readonly leftS: number;
  /** The budget has ended the mirroring: no more pairs come. */
  readonly isBudgetSpent: boolean;
  /** Requests that were measured, mirrored or not. */
  readonly requests: number;
}

type Reason = ReportVerdict["reasons"][number];

/**
 * Puts the gates together. INVALID beats all. FAIL: any required gate fails. PASS: all required gates pass, at the planned
 * end (an intersection-union test, so each may spend the whole alpha). Else INCONCLUSIVE.
 */
export function verdictOf(input: VerdictInput): ReportVerdict {
  const { gates, validity, isFinal } = input;
  const found = {
    final: null,
    required: requiredOf(gates),
    not_judged: notJudged(gates),
  };
  const broken = validity.filter(({ ok, effect }) => ok === false && effect === "invalid");
  if (broken.length > 0) {
    const action = broken.some(({ id }) => id === "primary_protection")
      ? "mirroring slows the primary: give the gateway more room, or mirror less"
      : "fix the failed checks, then start a new evaluation";
    return {
      ...found,
      status: "INVALID",
      reasons: broken.map(checkReason),
      next: { action, eta_s: null },
    };
  }
  const required = gates.filter((gate) => gate.required);
  const failed = required.filter(({ status }) => status === "FAIL");
  if (failed.length > 0) {
    const reasons = failed.map((gate) => gateReason("gate_failed", gate));
    return {
      ...found,
      status: "FAIL",
      reasons,
      next: { action: "do not release this candidate", eta_s: null },
    };
  }
  const open = required.filter(({ status }) => status === "INCONCLUSIVE");
  const held = validity.filter(({ ok, effect }) => ok === false && effect === "inconclusive");
  if (isFinal && open.length === 0 && held.length === 0) {
    const judged = required.filter(({ status }) => status === "PASS").length;
    const text = `all ${judged} required gates are within their margins`;
    return {
      ...found,
      status: "PASS",
      reasons: [{ code: "all_gates_passed", gate: null, text }],
      next: { action: "the candidate can be released", eta_s: null },
    };
  }
  const reasons: Reason[] = [
    ...held.map(checkReason),
    ...(isFinal ? [] : [notEnded(input)]),
    ...open
      .filter(({ reason }) => reason?.code !== "at_end")
      .map((gate) => gateReason("gate_open", gate)),
  ];
  return { ...found, status: "INCONCLUSIVE", reasons, next: nextStep(open, held, input) };
}

function requiredOf(gates: readonly GateResult[]): ReportVerdict["required"] {
  const required = gates.filter((gate) => gate.required);
  return {
    gates: required.length,
    passed: required.filter(({ status }) => status === "PASS").length,
  };
}

function notJudged(gates: readonly GateResult[]): ReportVerdict["not_judged"] {
  return gates.flatMap(({ id, required, status, reason }) =>
    status === "NOT_JUDGED" && reason !== null ? [{ gate: id, required, ...reason }] : [],
  );
}

function checkReason({ id, text, value, limits }: ValidityCheck): Reason {
  const [low, high] = limits ?? [null, null];
  const range =
    low !== null && high !== null
      ? `${low} to ${high}`
      : low !== null
        ? `at least ${low}`
        : `at most ${high}`;
  return { code: `check_${id}`, gate: null, text: `${text}: ${number(value)}, should be ${range}` };
}

function notEnded({ pairs, minPairs, leftS, isBudgetSpent, requests }: VerdictInput): Reason {
  if (requests === 0) {
    return { code: "not_started", gate: null, text: "no request has been measured yet" };
  }
  if (isBudgetSpent) {
    const text = `the budget is used up with ${pairs} of ${minPairs} pairs`;
    return { code: "too_few_pairs", gate: null, text };
  }
  if (leftS > 0) {
    const text = `the planned end is ${Math.ceil(leftS / 60)} min away`;
    return { code: "not_ended", gate: null, text };
  }
  return { code: "too_few_pairs", gate: null, text: `${pairs} pairs of ${minPairs} are there` };
}

function gateReason(code: string, gate: GateResult): Reason {
  const sentence = code === "gate_failed" ? failedSentence : undecidedSentence;
  return { code, gate: gate.id, text: sentence(gate) };
}

function nextStep(
  open: readonly GateResult[],
  held: readonly ValidityCheck[],
  { isFinal, leftS, pairs, minPairs, isBudgetSpent }: VerdictInput,
): ReportVerdict["next"] {
  if (isBudgetSpent && !isFinal) {
    const action = `raise the share or the budget, then start a new evaluation: ${minPairs} pairs are needed`;
    return { action, eta_s: null };
  }
  const eta = Math.max(0, leftS, ...open.flatMap(({ eta_s }) => eta_s ?? []));
  if (eta > 0) {
    return { action: `run about ${Math.ceil(eta / 60)} min more`, eta_s: Math.ceil(eta) };
  }
  const action = !isFinal
    ? `run on until there are ${minPairs} pairs (${pairs} so far)`
    : held.length > 0
      ? "give the shadow's replicas the primary's load (percent = shadow replicas / primary replicas), then start a new evaluation"
      : open.some(({ reason }) => reason?.code === "too_close")
        ? "run longer: load swings last too long for this run length"
        : "run longer, or mirror more: too close to call with this much data";
  return { action, eta_s: null };
}

function number(value: number | null): string {
  return value === null ? "not known" : String(Number(value.toPrecision(3)));
}
