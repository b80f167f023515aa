import { printable } from "../printable.ts";
import { changeWords } from "../report/change-words.ts";
import type { ShadowReport } from "../report/shadow-report.ts";
import { checkValue, checkWord } from "./check-words.ts";
import { compareReports } from "./comparison.ts";
import { behaviourRows, costRows, costSentences } from "./cost-words.ts";
import { milliseconds, shownMetrics, unknown } from "./format.ts";
import { gateRows, gateValues, levelWords, statusNote, statusWord } from "./gate-words.ts";
import { headlineOf } from "./headline.ts";
import { plainLink } from "./html/escape.ts";
import { judgeSentences } from "./judge-words.ts";
import { outputTable } from "./output-table.ts";
import { outputSentences } from "./output-words.ts";
import { funnelSteps, lanesOf, lossesOf, lossWords, runFacts } from "./run-words.ts";
import { eventWords, segmentRows } from "./segment-rows.ts";

/** Options of the Markdown report. */
export interface MarkdownOptions {
  /** Earlier report to compare with. */
  readonly against?: ShadowReport;
}

/** Renders the report as Markdown, for a comment of a CI run. */
export function renderReportMarkdown(
  report: ShadowReport,
  { against }: MarkdownOptions = {},
): string {
  const { sign, word, reasons, caveats, next, where } = headlineOf(report);
  const limits = report.limits_hit.map((limit) => `- limit reached: ${escaped(limit)}`);
  return [
    `## ${sign} Shadow evaluation: ${word}`,
    identities(report),
    list(reasons),
    caveats.length === 0 ? "" : `**Note**\n\n${list(caveats)}`,
    `**Next:** ${escaped(next)}`,
    where.length === 0 ? "" : `**Where**\n\n${list(where)}`,
    checks(report),
    gatesTable(report),
    against === undefined ? "" : comparison(report, against),
    segmentsTable(report),
    metricsTable(report),
    sidesTable(report),
    list(costSentences(report)),
    outputsTable(report),
    list([...outputSentences(report), ...judgeSentences(report)]),
    list(report.over_time.events.map(eventWords)),
    list([
      funnelSteps(report.funnel)
        .map(([name, n]) => `${name} ${n.toLocaleString("en-US")}`)
        .join(", "),
      ...lossesOf(report.funnel).map(lossWords),
    ]),
    limits.join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${escaped(item)}`).join("\n");
}

function identities(report: ShadowReport): string {
  const lanes = lanesOf(report).map(({ lane, pool, about }) =>
    row([lane, pool, about.length === 0 ? unknown : about.join(", ")]),
  );
  const facts = runFacts(report).map(
    ([name, value]) => `| ${escaped(name)} | ${linked(value)} | |`,
  );
  return [
    `| evaluation ${escaped(report.evaluation.id)} | | |`,
    "|---|---|---|",
    ...lanes,
    ...facts,
  ].join("\n");
}

/** All checks, including those that are fine, so that readers see what was checked. */
function checks({ validity }: ShadowReport): string {
  const shown = validity.filter(({ limits }) => limits !== null);
  if (shown.length === 0) return "";
  const rows = shown.map((check) =>
    row([check.id, checkWord(check), check.text, checkValue(check)]),
  );
  return ["| is it sound? | result | what | found |", "|---|---|---|---|", ...rows].join("\n");
}

function gatesTable({ gates }: ShadowReport): string {
  const rows = gateRows(gates).map((each) => {
    if (each.kind === "quiet") {
      return row([
        each.text,
        statusWord(each),
        "0",
        "0",
        "+0.00 pp",
        each.bound,
        "",
        "",
        "rule of three",
      ]);
    }
    const { gate } = each;
    const { primary, shadow, estimate, interval, margin, detectable } = gateValues(gate);
    const name = gate.required ? gate.id : `${gate.id} (advisory)`;
    return row([
      name,
      statusWord(gate),
      primary,
      shadow,
      estimate,
      interval,
      margin,
      detectable,
      statusNote(gate),
    ]);
  });
  return [
    `| gate | status | primary | shadow | change | ${levelWords(gates)} interval | margin | could see | note |`,
    "|---|---|--:|--:|--:|---|--:|--:|---|",
    ...rows,
  ].join("\n");
}

const maxSegments = 20;

function segmentsTable(report: ShadowReport): string {
  const rows = segmentRows(report);
  if (rows.length === 0) return "";
  return [
    "| requests | result | gate | share | change | interval | margin |",
    "|---|---|---|--:|--:|---|--:|",
    ...rows
      .slice(0, maxSegments)
      .map(({ name, status, gate, share, estimate, interval, margin }) =>
        row([name, status, gate, share, estimate, interval, margin]),
      ),
  ].join("\n");
}

function metricsTable(report: ShadowReport): string {
  const levels = ["p50", "p90", "p99"] as const;
  const rows = shownMetrics(report).map(([key, name]) => {
    const { primary, shadow, ratios } = report.metrics[key];
    const times = (lane: typeof primary) =>
      levels.map((level) => milliseconds(lane[level])).join(" / ");
    const changes = levels.map((level) => {
      const estimate = ratios[level]?.estimate ?? null;
      return estimate === null ? unknown : changeWords(estimate, "ratio");
    });
    return row([name, times(primary), times(shadow), changes.join(" / ")]);
  });
  if (rows.length === 0) return "";
  return [
    "| | primary p50 / p90 / p99 | shadow p50 / p90 / p99 | change p50 / p90 / p99 |",
    "|---|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

function sidesTable(report: ShadowReport): string {
  const rows = [...behaviourRows(report), ...costRows(report)];
  if (rows.length === 0) return "";
  return [
    "| described, not judged | primary | shadow | change |",
    "|---|--:|--:|--:|",
    ...rows.map((each) => row(each)),
  ].join("\n");
}

function outputsTable(report: ShadowReport): string {
  const found = outputTable(report);
  if (found === undefined) return "";
  const { columns, rows } = found;
  return [
    `| what is wrong with the answers | ${columns.join(" | ")} |`,
    `|---|${columns.map(() => "--:|").join("")}`,
    ...rows.map((each) => row(each)),
  ].join("\n");
}

function comparison(now: ShadowReport, earlier: ShadowReport): string {
  const { warning, facts, gates } = compareReports(now, earlier);
  return [
    ...(warning === null ? [] : [`**! ${escaped(warning)}**`, ""]),
    "| against the earlier report | earlier | now | difference |",
    "|---|---|---|--:|",
    ...facts.map((each) => row([...each, ""])),
    ...gates.map(({ id, earlier: before, now: after, difference }) =>
      row([id, before, after, difference]),
    ),
  ].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(" | ")} |`;
}

/** A plain web address becomes a link; everything else is text. */
function linked(value: string): string {
  return plainLink.test(value) ? `<${value}>` : escaped(value);
}

/** Escapes text from outside, so that it never becomes Markdown or HTML markup, a mention or a link. */
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
