import type { Segment } from "../report/segment.ts";
import { segmentText } from "../report/segment-text.ts";
import type { GateResult, ShadowReport, ValidityCheck } from "../report/shadow-report.ts";
import { checkValue, checkWord } from "./check-words.ts";
import { behaviourRows, costRows, costSentences } from "./cost-words.ts";
import { gateRows, gateValues, statusNote, statusWord } from "./gate-words.ts";
import { headlineOf } from "./headline.ts";
import { text as escaped } from "./html/escape.ts";
import { judgeSentences } from "./judge-words.ts";
import { outputTable } from "./output-table.ts";
import { outputSentences } from "./output-words.ts";
import { funnelSteps, lanesOf, lossesOf, lossWords, runFacts } from "./run-words.ts";
import { eventWords } from "./segment-rows.ts";

/** The report as JUnit XML: a case for each gate, each validity check and each kind of request that is worse. */
export function renderReportJunit(report: ShadowReport): string {
  const isPass = report.verdict.status === "PASS";
  const cases = [
    ...report.gates.map(gateCase),
    ...report.validity.map(checkCase),
    ...report.segments.filter(({ flagged }) => flagged).map((each) => segmentCase(each, isPass)),
  ];
  const failures = cases.filter(({ outcome }) => outcome === "failure").length;
  const skipped = cases.filter(({ outcome }) => outcome === "skipped").length;
  const { evaluation } = report;
  const name = `umbra shadow evaluation ${evaluation.id}`;
  const counts = `tests="${cases.length}" failures="${failures}" errors="0" skipped="${skipped}"`;
  const properties = [
    ...lanesOf(report).map(
      ({ role, pool, about }) => [role, [pool, ...about].join(" · ")] as const,
    ),
    ...runFacts(report),
  ].map(([key, value]) => `      <property name="${escaped(key)}" value="${escaped(value)}"/>`);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="umbra" ${counts}>`,
    `  <testsuite name="${escaped(name)}" timestamp="${escaped(evaluation.ended_at)}" time="${evaluation.elapsed_s.toFixed(3)}" ${counts}>`,
    "    <properties>",
    ...properties,
    "    </properties>",
    ...cases.map(xmlOf),
    `    <system-out>${output(report).map(escaped).join("\n")}</system-out>`,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

/** Lines of the report that are not part of a case. */
function output(report: ShadowReport): readonly string[] {
  const { word, reasons, caveats, next, where } = headlineOf(report);
  const { funnel, over_time } = report;
  return [
    `${word}: ${reasons.join("; ")}`,
    ...caveats.map((text) => `! ${text}`),
    `next: ${next}`,
    ...where.map((text) => `where: ${text}`),
    ...gateRows(report.gates).flatMap((row) =>
      row.kind === "quiet" ? [`${row.text}, so ${row.bound} by the rule of three`] : [],
    ),
    funnelSteps(funnel)
      .map(([name, n]) => `${name} ${n}`)
      .join(", "),
    ...lossesOf(funnel).map(lossWords),
    ...[...behaviourRows(report), ...costRows(report)].map(
      ([what, primary, shadow]) => `${what}: ${primary}, shadow ${shadow}`,
    ),
    ...outputLines(report),
    ...costSentences(report),
    ...outputSentences(report),
    ...judgeSentences(report),
    ...over_time.events.map(eventWords),
  ];
}

/** `refusals: primary 2.04 %, shadow 1.63 %, change -0.42 pp, interval -1.48 pp to +0.65 pp` */
function outputLines(report: ShadowReport): readonly string[] {
  const { columns, rows } = outputTable(report) ?? { columns: [], rows: [] };
  return rows.map(
    ([what, ...cells]) => `${what}: ${cells.map((cell, i) => `${columns[i]} ${cell}`).join(", ")}`,
  );
}

interface Case {
  readonly kind: "gate" | "validity" | "segment";
  readonly id: string;
  readonly outcome: "passed" | "failure" | "skipped";
  readonly text: string;
  /** Type of a failure. */
  readonly type: string;
}

function gateCase(gate: GateResult): Case {
  const { id, status, required } = gate;
  const { estimate, interval, margin, detectable } = gateValues(gate);
  const power = detectable === "" ? "" : `could see ${detectable}`;
  const note = [statusNote(gate), power].filter((part) => part !== "").join("; ");
  const text = `${statusWord(gate)}: ${estimate} (${interval}), margin ${margin}, n ${gate.n}${note === "" ? "" : `; ${note}`}`;
  // An advisory gate is only reported: the suite must not fail if the verdict is PASS.
  const isReportedOnly = !required || status === "NOT_JUDGED";
  const outcome = status === "PASS" ? "passed" : isReportedOnly ? "skipped" : "failure";
  return { kind: "gate", id, outcome, text, type: status.toLowerCase() };
}

function checkCase(check: ValidityCheck): Case {
  const { id, ok, effect } = check;
  const isReportedOnly = ok === null || effect === "warning";
  const outcome = ok === true ? "passed" : isReportedOnly ? "skipped" : "failure";
  return {
    kind: "validity",
    id,
    outcome,
    text: `${checkWord(check)}: ${check.text}: ${checkValue(check)}`,
    type: effect,
  };
}

function segmentCase(segment: Segment, isPass: boolean): Case {
  return {
    kind: "segment",
    id: `${segment.by} ${segment.bucket} ${segment.gate}`,
    outcome: isPass ? "skipped" : "failure",
    text: `worse for ${segmentText(segment)}`,
    type: "worse",
  };
}

function xmlOf({ kind, id, outcome, text, type }: Case): string {
  const inner = {
    passed: `><system-out>${escaped(text)}</system-out></testcase>`,
    skipped: `><skipped message="${escaped(text)}"/></testcase>`,
    failure: `><failure type="${escaped(type)}" message="${escaped(text)}"/></testcase>`,
  }[outcome];
  return `    <testcase classname="umbra.${kind}" name="${escaped(id)}"${inner}`;
}
