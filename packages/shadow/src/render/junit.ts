import type { GateResult, ShadowReport, ValidityCheck } from "../report/shadow-report.ts";
import { checkValue, gateStatus, gateValues, nextStep } from "./format.ts";
import { text as escaped } from "./html/escape.ts";

/** The report as JUnit XML: a case for each gate and for each validity check. */
export function renderReportJunit(report: ShadowReport): string {
  const cases = [...report.gates.map(gateCase), ...report.validity.map(checkCase)];
  const failures = cases.filter(({ outcome }) => outcome === "failure").length;
  const skipped = cases.filter(({ outcome }) => outcome === "skipped").length;
  const { evaluation, verdict } = report;
  const name = `umbra shadow evaluation ${evaluation.id}`;
  const counts = `tests="${cases.length}" failures="${failures}" errors="0" skipped="${skipped}"`;
  const said = `${verdict.status}: ${verdict.reasons.map(({ text }) => text).join("; ")}`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="umbra" ${counts}>`,
    `  <testsuite name="${escaped(name)}" timestamp="${escaped(evaluation.ended_at)}" time="${evaluation.elapsed_s.toFixed(3)}" ${counts}>`,
    ...cases.map(xmlOf),
    `    <system-out>${escaped(`${said}; next: ${nextStep(verdict.next)}`)}</system-out>`,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

interface Case {
  readonly kind: "gate" | "validity";
  readonly id: string;
  readonly outcome: "passed" | "failure" | "skipped";
  readonly text: string;
  /** Of a failure. */
  readonly type: string;
}

function gateCase(gate: GateResult): Case {
  const { id, status, required } = gate;
  const { estimate, lower, upper, margin } = gateValues(gate);
  const text = `${gateStatus(gate)}: ${estimate} (${lower} .. ${upper}), margin ${margin}, n ${gate.n}`;
  // An advisory gate tells, and breaks nothing: the suite must not be red where the verdict is PASS.
  const isTold = !required || status === "NOT_JUDGED";
  const outcome = status === "PASS" ? "passed" : isTold ? "skipped" : "failure";
  return { kind: "gate", id, outcome, text, type: status.toLowerCase() };
}

function checkCase(check: ValidityCheck): Case {
  const { id, ok, effect } = check;
  const isTold = ok === null || effect === "warning";
  const outcome = ok === true ? "passed" : isTold ? "skipped" : "failure";
  return {
    kind: "validity",
    id,
    outcome,
    text: `${check.text}: ${checkValue(check)}`,
    type: effect,
  };
}

function xmlOf({ kind, id, outcome, text, type }: Case): string {
  const inner = {
    passed: "/>",
    skipped: `><skipped message="${escaped(text)}"/></testcase>`,
    failure: `><failure type="${escaped(type)}" message="${escaped(text)}"/></testcase>`,
  }[outcome];
  return `    <testcase classname="umbra.${kind}" name="${escaped(id)}"${inner}`;
}
