import { printable } from "../printable.ts";
import type { GateResult, ShadowReport } from "../report/shadow-report.ts";
import {
  checkValue,
  checkWord,
  count,
  gateStatus,
  gateValues,
  metricRows,
  nextStep,
  unknown,
  verdictSigns,
} from "./format.ts";

/** The report as Markdown, for a comment of a CI run. */
export function renderReportMarkdown(report: ShadowReport): string {
  const { verdict, evaluation, limits_hit } = report;
  const so = evaluation.is_final || verdict.status !== "INCONCLUSIVE" ? "" : " so far";
  const failed = report.validity.filter(({ ok }) => ok === false);
  const checks = failed.map(
    (check) => `- ${checkWord(check)}: ${escaped(check.text)}: ${checkValue(check)}`,
  );
  const limits = limits_hit.map((limit) => `- limit reached: ${escaped(limit)}`);
  return [
    `## ${verdictSigns[verdict.status]} Shadow evaluation: ${verdict.status}${so}`,
    identities(report),
    verdict.reasons.map(({ text }) => `- ${escaped(text)}`).join("\n"),
    `**Next:** ${escaped(nextStep(verdict.next))}`,
    gatesTable(report.gates),
    metricsTable(report),
    checks.length === 0 ? "" : `**Checks that do not hold**\n\n${checks.join("\n")}`,
    limits.join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

function identities({ baseline, candidate, control, funnel, evaluation }: ShadowReport): string {
  const lane = ({ pool, models }: typeof baseline, otherwise: string) => {
    const names = models.length === 0 ? "" : ` (${models.map(escaped).join(", ")})`;
    return `**${escaped(pool === "" ? otherwise : pool)}**${names}`;
  };
  const against = control === null ? "" : `, control ${lane(control, "unnamed")}`;
  const pairs = `${count(funnel.used)} pairs used of ${count(funnel.dispatched)} mirrored`;
  return `${lane(baseline, "primary")}${against} → ${lane(candidate, "shadow")}, ${pairs}, evaluation ${escaped(evaluation.id)}`;
}

function gatesTable(gates: readonly GateResult[]): string {
  const rows = gates.map((gate) => {
    const { primary, shadow, estimate, lower, upper, margin } = gateValues(gate);
    const name = gate.required ? gate.id : `${gate.id} (advisory)`;
    const interval = gate.interval === null ? unknown : `${lower} .. ${upper}`;
    return row([name, primary, shadow, estimate, interval, margin, gateStatus(gate)]);
  });
  return [
    "| gate | primary | shadow | change | interval | margin | status |",
    "|---|--:|--:|--:|---|--:|---|",
    ...rows,
  ].join("\n");
}

function metricsTable(report: ShadowReport): string {
  const rows = metricRows(report).map(([name, ...cells]) =>
    row([name, ...cells.map((each) => each.join(" / "))]),
  );
  if (rows.length === 0) return "";
  return [
    "| | primary p50 / p90 / p99 | shadow p50 / p90 / p99 | ratio p50 / p90 / p99 |",
    "|---|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(" | ")} |`;
}

/** Nothing from outside becomes markup: neither Markdown's nor HTML's, no mention, no link. */
function escaped(text: string): string {
  return printable(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("://", "&#58;//")
    .replaceAll("@", "@&#8203;")
    .replace(/\bwww\./gi, (prefix) => `${prefix.slice(0, 3)}&#46;`)
    .replace(/[\\`*_{}[\]|~!]|#(?!\d+;)/g, (sign) => `\\${sign}`);
}
