import type { GateResult, ShadowReport, ValidityCheck } from "../report/shadow-report.ts";
import { checkValue, gateStatus, gateValues } from "./format.ts";

/** The report as JUnit XML: a case for each gate and for each check that can make it invalid. */
export function renderReportJunit(report: ShadowReport): string {
  const checks = report.validity.filter(({ effect }) => effect !== "warning");
  const cases = [...report.gates.map(gateCase), ...checks.map(checkCase)];
  const failures = cases.filter(({ outcome }) => outcome === "failure").length;
  const skipped = cases.filter(({ outcome }) => outcome === "skipped").length;
  const name = `umbra shadow evaluation ${report.evaluation.id}`;
  const counts = `tests="${cases.length}" failures="${failures}" errors="0" skipped="${skipped}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="umbra" ${counts}>`,
    `  <testsuite name="${escaped(name)}" timestamp="${escaped(report.evaluation.ended_at)}" time="${report.evaluation.elapsed_s.toFixed(3)}" ${counts}>`,
    ...cases.map(({ xml }) => xml),
    `    <system-out>${escaped(`${report.verdict.status}: ${report.verdict.reasons.map(({ text }) => text).join("; ")}`)}</system-out>`,
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
  const isOpen = gate.status === "INCONCLUSIVE";
  // An advisory gate tells, and breaks nothing.
  if (!gate.required && gate.status !== "PASS") return testCase("gate", gate.id, "skipped", text);
  if (gate.status === "FAIL") return testCase("gate", gate.id, "failure", text, "fail");
  if (isOpen) return testCase("gate", gate.id, "failure", text, "inconclusive");
  return testCase("gate", gate.id, gate.status === "PASS" ? "passed" : "skipped", text);
}

function checkCase(check: ValidityCheck): Case {
  const text = `${check.text}: ${checkValue(check)}`;
  if (check.ok === null) return testCase("validity", check.id, "skipped", text);
  return testCase("validity", check.id, check.ok ? "passed" : "failure", text, check.effect);
}

function testCase(
  kind: string,
  name: string,
  outcome: Case["outcome"],
  text: string,
  type = "fail",
): Case {
  const open = `    <testcase classname="umbra.${kind}" name="${escaped(name)}"`;
  const inner = {
    passed: "/>",
    skipped: `><skipped message="${escaped(text)}"/></testcase>`,
    failure: `><failure type="${type}" message="${escaped(text)}"/></testcase>`,
  }[outcome];
  return { outcome, xml: `${open}${inner}` };
}

function escaped(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no place for them
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
  );
}
