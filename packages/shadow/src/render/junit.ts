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
    ...cases.map(({ xml }) => xml),
    `    <system-out>${escaped(`${said}; next: ${nextStep(verdict.next)}`)}</system-out>`,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

interface Case {
  readonly outcome: "passed" | "failure" | "skipped";
  readonly xml: string;
}

function gateCase(gate: GateResult): Case {
  const { estimate, lower, upper, margin } = gateValues(gate);
  const text = `${gateStatus(gate)}: ${estimate} (${lower} .. ${upper}), margin ${margin}, n ${gate.n}`;
  if (gate.status === "PASS") return testCase("gate", gate.id, "passed", text);
  // An advisory gate tells, and breaks nothing: the suite must not be red where the verdict is PASS.
  if (!gate.required || gate.status === "NOT_JUDGED") {
    return testCase("gate", gate.id, "skipped", text);
  }
  return testCase("gate", gate.id, "failure", text, gate.status.toLowerCase());
}

function checkCase(check: ValidityCheck): Case {
  const text = `${check.text}: ${checkValue(check)}`;
  if (check.ok === true) return testCase("validity", check.id, "passed", text);
  const isTold = check.ok === null || check.effect === "warning";
  return testCase("validity", check.id, isTold ? "skipped" : "failure", text, check.effect);
}

function testCase(
  kind: string,
  name: string,
  outcome: Case["outcome"],
  text: string,
  type = "",
): Case {
  const open = `    <testcase classname="umbra.${kind}" name="${escaped(name)}"`;
  const inner = {
    passed: "/>",
    skipped: `><skipped message="${escaped(text)}"/></testcase>`,
    failure: `><failure type="${escaped(type)}" message="${escaped(text)}"/></testcase>`,
  }[outcome];
  return { outcome, xml: `${open}${inner}` };
}
