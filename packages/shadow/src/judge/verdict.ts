import { failedSentence, undecidedSentence } from "../report/gate-sentence.ts";
import type {
  GateResult,
  LoadMemory,
  ReportVerdict,
  ValidityCheck,
  VerdictFinal,
  VerdictStatus,
} from "../report/shadow-report.ts";
import type { EvaluationConfig } from "./config.ts";
import { type NextStepInput, nextStep } from "./next-step.ts";

export interface VerdictInput {
  readonly gates: readonly GateResult[];
  readonly validity: readonly ValidityCheck[];
  readonly isFinal: boolean;
  /** The planned length or the budget is over; there may still be too few pairs. */
  readonly hasEnded: boolean;
  /** Number of answers the final analysis still waits for after the planned end. */
  readonly waitsFor?: number;
  readonly stage: number;
  readonly config: Pick<EvaluationConfig, "requiresAll"> & NextStepInput["config"];
  readonly load: LoadMemory | null;
  /** Time of the analysis, as in the report. */
  readonly at: string;
  /** Verdict of the previous analysis. */
  readonly earlier: ReportVerdict | undefined;
  readonly pairs: number;
  /** Time until the horizon, in seconds; 0 or less after it. */
  readonly leftS: number;
  /** The budget is spent, so no more pairs follow. */
  readonly isBudgetSpent: boolean;
  /** The samples are a finished run; no more will follow. */
  readonly isFinished?: boolean;
  /** Requests that were measured, mirrored or not. */
  readonly requests: number;
  /** Length of the run so far, in seconds. */
  readonly elapsedS?: number;
}

type Reason = ReportVerdict["reasons"][number];

/**
 * Combines the gates into a verdict. INVALID takes precedence. FAIL: a required gate fails. PASS: all required gates
 * pass at the planned end (an intersection-union test, so each may use the whole alpha). Otherwise INCONCLUSIVE.
 */
export function verdictOf(input: VerdictInput): ReportVerdict {
  const found = statusOf(input);
  return {
    status: found.status,
    final: finalOf(found.status, input),
    required: requiredOf(input.gates),
    not_judged: notJudged(input.gates),
    reasons: found.reasons,
    next: found.next,
  };
}

/**
 * A FAIL is final immediately, other verdicts at the planned end. The time is that of the first analysis with this
 * verdict.
 */
function finalOf(
  status: VerdictStatus,
  { isFinal, hasEnded, isBudgetSpent, stage, at, earlier }: VerdictInput,
): VerdictFinal | null {
  if (hasFailed(earlier)) return earlier.final;
  const isOver = isFinal || (hasEnded && (status === "INVALID" || isBudgetSpent));
  return status === "FAIL" || isOver ? { at, stage } : null;
}

function hasFailed(earlier: ReportVerdict | undefined): earlier is ReportVerdict {
  return earlier?.status === "FAIL" && earlier.final !== null;
}

function statusOf(input: VerdictInput): Pick<ReportVerdict, "status" | "reasons" | "next"> {
  const { gates, validity, isFinal, config, load, earlier, waitsFor = 0 } = input;
  const broken = validity.filter(({ ok, effect }) => ok === false && effect === "invalid");
  const required = gates.filter((gate) => gate.required);
  const failed = required.filter(({ status }) => status === "FAIL");
  // A final FAIL stays; checks that break later are shown with it.
  if (broken.length > 0 && !hasFailed(earlier)) {
    const action = broken.some(({ id }) => id === "primary_protection")
      ? "mirroring slows the primary: give the gateway more resources, or mirror less"
      : "fix the failed checks, then start a new evaluation";
    return { status: "INVALID", reasons: broken.map(checkReason), next: { action, eta_s: null } };
  }
  if (failed.length > 0) {
    const found = failed.map((gate) => gateReason("gate_failed", gate));
    const reasons = [...found, ...broken.map(checkReason)];
    const next = { action: "do not release this shadow", eta_s: null };
    return { status: "FAIL", reasons, next };
  }
  if (hasFailed(earlier)) return earlier;
  const open = required.filter(({ status }) => status === "INCONCLUSIVE");
  const missing = config.requiresAll ? required.filter(isLeftOut) : [];
  const held = validity.filter(({ ok, effect }) => ok === false && effect === "inconclusive");
  const hasPassed = required.some(({ status }) => status === "PASS");
  if (isFinal && hasPassed && open.length + missing.length + held.length === 0) {
    const next = { action: "the shadow can be released", eta_s: null };
    return { status: "PASS", reasons: [passed(required), ...fewSwings(load)], next };
  }
  const reasons: Reason[] = [
    ...held.map(checkReason),
    ...(isFinal ? [] : [notEnded(input)]),
    ...open
      .filter(({ reason }) => reason?.code !== "at_end")
      .map((gate) => gateReason("gate_open", gate)),
    ...missing.map(leftOutReason),
    ...fewSwings(load),
  ];
  const next = waitsFor > 0 ? waiting : nextStep({ ...input, open, held });
  return { status: "INCONCLUSIVE", reasons, next };
}

const waiting = { action: "wait for the answers still in flight at the planned end", eta_s: null };

function isLeftOut({ status }: GateResult): boolean {
  return status === "NOT_JUDGED";
}

/** `8 of 10 required gates are within their margins; not judged: ttft.p99 (needs 1000 pairs, has 96, …)` */
function passed(required: readonly GateResult[]): Reason {
  const out = required.filter(isLeftOut);
  const within = required.length - out.length;
  const text =
    out.length === 0
      ? `all ${within} required gates are within their margins`
      : `${within} of ${required.length} required gates are within their margins; not judged: ${out.map(named).join(", ")}`;
  return { code: out.length === 0 ? "all_gates_passed" : "some_gates_passed", gate: null, text };
}

function named({ id, reason }: GateResult): string {
  return reason === null ? id : `${id} (${reason.text})`;
}

function leftOutReason(gate: GateResult): Reason {
  return {
    code: "gate_not_judged",
    gate: gate.id,
    text: `${named(gate)} is required and not judged`,
  };
}

function fewSwings(load: LoadMemory | null): readonly Reason[] {
  if (load === null || load.swings === null || load.swings >= load.swings_needed) return [];
  const text = `load swings last about ${Math.round(load.tau_s)} s, so the run covers only ${Math.round(load.swings)} of them (${load.swings_needed} are needed for the promised errors)`;
  return [{ code: "few_swings", gate: null, text }];
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

function checkReason({ id, text, value, limits, note }: ValidityCheck): Reason {
  // A trend is clearer in words than as a ratio that should be 1.
  if (id === "drift" && note != null) return { code: "check_drift", gate: null, text: note };
  const [low, high] = limits ?? [null, null];
  const range =
    low !== null && high !== null
      ? `${low} to ${high}`
      : low !== null
        ? `at least ${low}`
        : `at most ${high}`;
  return { code: `check_${id}`, gate: null, text: `${text}: ${number(value)}, should be ${range}` };
}

function notEnded(input: VerdictInput): Reason {
  const { pairs, config, leftS, isBudgetSpent, requests, waitsFor = 0 } = input;
  const { minPairs } = config;
  if (requests === 0) {
    return { code: "not_started", gate: null, text: "no request has been measured yet" };
  }
  if (waitsFor > 0) {
    const what = waitsFor === 1 ? "1 mirrored request" : `${waitsFor} mirrored requests`;
    const end = isBudgetSpent ? "the budget is spent" : "the planned end is past";
    const text = `${end}, and ${what} from before it ${waitsFor === 1 ? "has" : "have"} no outcome yet`;
    return { code: "answers_open", gate: null, text };
  }
  if (isBudgetSpent) {
    const text = `the budget is spent with ${pairs.toLocaleString("en-US")} of ${minPairs.toLocaleString("en-US")} pairs`;
    return { code: "too_few_pairs", gate: null, text };
  }
  if (leftS > 0) {
    const text = `the planned end is ${Math.ceil(leftS / 60)} min away`;
    return { code: "not_ended", gate: null, text };
  }
  return { code: "too_few_pairs", gate: null, text: `${pairs} of ${minPairs} pairs collected` };
}

function gateReason(code: string, gate: GateResult): Reason {
  const sentence = code === "gate_failed" ? failedSentence : undecidedSentence;
  return { code, gate: gate.id, text: sentence(gate) };
}

function number(value: number | null): string {
  return value === null ? "not known" : String(Number(value.toPrecision(3)));
}
