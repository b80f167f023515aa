import { styleText } from "node:util";
import { printable } from "../printable.ts";
import { changeWords } from "../report/change-words.ts";
import type { GateResult, ShadowReport } from "../report/shadow-report.ts";
import { checkValue, checkWord } from "./check-words.ts";
import { compareReports } from "./comparison.ts";
import { behaviourRows, costRows, costSentences, type SideRow } from "./cost-words.ts";
import { clock, milliseconds, percent, shownMetrics, unknown } from "./format.ts";
import {
  type GateRow,
  gateRows,
  gateValues,
  levelWords,
  statusNote,
  statusWord,
} from "./gate-words.ts";
import { headlineOf } from "./headline.ts";
import { intervalBar, intervalScale } from "./interval-bar.ts";
import { judgeSentences } from "./judge-words.ts";
import { outputTable } from "./output-table.ts";
import { outputSentences } from "./output-words.ts";
import { funnelSteps, lanesOf, lossesOf, lossWords, runFacts } from "./run-words.ts";
import { eventWords, segmentRows } from "./segment-rows.ts";
import { broken, plainTable } from "./text-table.ts";

/** How a report is written to a terminal. */
export interface TextOptions {
  readonly color: boolean;
  /** Width in columns, where long lines are broken. Below 110, intervals are shown as numbers without a picture. */
  readonly width?: number;
  /** Earlier report to compare with. */
  readonly against?: ShadowReport;
}

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/**
 * Renders the report for a terminal: identities, gates, lanes, checks and, at the end where it is visible, the verdict.
 */
export function renderReportText(report: ShadowReport, options: TextOptions): string {
  const { color, width, against } = options;
  // The caller decides about colour, so the stream is not checked again.
  const paint: Paint = (style, text) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const prose = (lines: readonly string[]) => lines.flatMap((line) => broken(line, width));
  const isWide = width === undefined || width >= 110;
  return [
    ...prose([...heading(report, paint), funnel(report)]),
    "",
    ...gatesTable(report, paint, isWide),
    "",
    ...metricsTable(report),
    ...sides(behaviourRows(report), "how the lanes stream"),
    ...sides(costRows(report), "cost, at the load seen"),
    ...prose(costSentences(report).map((line) => ` cost  ${printable(line)}`)),
    "",
    ...outputsTable(report),
    ...outputLines(report, prose),
    ...segmentsTable(report, paint),
    ...prose(report.over_time.events.map((event) => ` event  ${printable(eventWords(event))}`)),
    ...(against === undefined ? [] : comparison(report, against, paint)),
    ...prose(validity(report, paint)),
    "",
    ...prose(verdict(report, paint)),
  ]
    .map((line) => line.trimEnd())
    .join("\n");
}

const verdictColours = {
  PASS: "green",
  FAIL: "red",
  INCONCLUSIVE: "yellow",
  INVALID: "magenta",
} as const;
const gateColours = { ...verdictColours, NOT_JUDGED: "dim" } as const;

function heading(report: ShadowReport, paint: Paint): readonly string[] {
  const { evaluation } = report;
  const lanes = lanesOf(report).map(
    ({ lane, pool, about }) => ` ${lane}  ${printable([pool, ...about].join(" · "))}`,
  );
  const facts = runFacts(report).map(([name, value]) => `${printable(name)} ${printable(value)}`);
  return [
    paint("bold", `shadow evaluation ${printable(evaluation.id)}`),
    ...lanes,
    ` run  ${facts.join("   ")}`,
  ];
}

function funnel({ funnel: counts }: ShadowReport): string {
  const steps = funnelSteps(counts).map(([name, n]) => `${name} ${n.toLocaleString("en-US")}`);
  const losses = lossesOf(counts).map((loss) => `   ${printable(lossWords(loss))}`);
  return ` funnel  ${steps.join("  ")}${losses.join("")}`;
}

function gatesTable(report: ShadowReport, paint: Paint, isWide: boolean): readonly string[] {
  const level = `${levelWords(report.gates)} interval`;
  const picture = isWide ? [intervalScale] : [];
  const head = ["gate", "status", "primary", "shadow", "change", ...picture, level];
  const all = gateRows(report.gates);
  const rows = all.flatMap((row) =>
    row.kind === "gate" ? [gateCells(row.gate, paint, isWide)] : [],
  );
  const aligns = isWide ? "llrrrllrr" : "llrrrlrr";
  return [
    ...plainTable([...head, "margin", "could see"], aligns, rows),
    ...all.flatMap((row) => gateNotes(row, paint)),
  ];
}

function gateCells(gate: GateResult, paint: Paint, isWide: boolean): readonly string[] {
  const { primary, shadow, estimate, interval, margin, detectable } = gateValues(gate);
  return [
    printable(gate.required ? gate.id : `${gate.id} (advisory)`),
    paint(gateColours[gate.status], statusWord(gate)),
    ...[primary, shadow, estimate],
    ...(isWide ? [intervalBar(gate)] : []),
    ...[interval, margin, detectable],
  ];
}

/** Lines below the table: gates without any event, and notes on gates. */
function gateNotes(row: GateRow, paint: Paint): readonly string[] {
  if (row.kind === "quiet") {
    const words = printable(`${row.text}, so ${row.bound} by the rule of three`);
    return [` ${paint(gateColours[row.status], statusWord(row))}  ${words}`];
  }
  const note = statusNote(row.gate);
  return note === "" ? [] : [`   ${printable(`${row.gate.id}: ${note}`)}`];
}

function metricsTable(report: ShadowReport): readonly string[] {
  const levels = ["p50", "p90", "p99"] as const;
  const rows = shownMetrics(report).map(([key, name]) => {
    const { primary, shadow, ratios } = report.metrics[key];
    const changes = levels.map((level) => {
      const estimate = ratios[level]?.estimate ?? null;
      return estimate === null ? unknown : changeWords(estimate, "ratio");
    });
    const times = (lane: typeof primary) => levels.map((level) => milliseconds(lane[level]));
    return [name, ...times(primary), ...times(shadow), ...changes];
  });
  const head = ["", "primary p50", "p90", "p99", "shadow p50", "p90", "p99", "change p50"];
  return rows.length === 0 ? [] : [...plainTable([...head, "p90", "p99"], "lrrrrrrrrr", rows), ""];
}

function sides(rows: readonly SideRow[], title: string): readonly string[] {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => row.map(printable));
  return [...plainTable([title, "primary", "shadow", "change"], "lrrr", cells), ""];
}

function outputsTable(report: ShadowReport): readonly string[] {
  const found = outputTable(report);
  if (found === undefined) return [];
  const { columns, rows } = found;
  const align = `l${"r".repeat(columns.length - 1)}l`;
  const title = "what is wrong with the answers";
  return [
    ...plainTable(
      [title, ...columns],
      align,
      rows.map((row) => row.map(printable)),
    ),
    "",
  ];
}

function outputLines(
  report: ShadowReport,
  prose: (lines: readonly string[]) => readonly string[],
): readonly string[] {
  const lines = [
    ...outputSentences(report).map((line) => ` outputs  ${printable(line)}`),
    ...judgeSentences(report).map((line) => ` judge  ${printable(line)}`),
  ];
  return lines.length === 0 ? [] : [...prose(lines), ""];
}

const maxSegments = 12;

function segmentsTable(report: ShadowReport, paint: Paint): readonly string[] {
  const rows = segmentRows(report);
  if (rows.length === 0) return [];
  const cells = rows.slice(0, maxSegments).map((row) => {
    const status = row.flagged ? paint("red", row.status) : row.status;
    return [
      printable(row.name),
      status,
      printable(row.gate),
      row.share,
      row.estimate,
      row.interval,
      row.margin,
    ];
  });
  const head = ["requests", "result", "gate", "share", "change", "interval", "margin"];
  const more = rows.length - maxSegments;
  return [
    ...plainTable(head, "lllrrlr", cells),
    ...(more > 0 ? [`   and ${more} more in the HTML page and the JSON`] : []),
    "",
  ];
}

function comparison(now: ShadowReport, earlier: ShadowReport, paint: Paint): readonly string[] {
  const { warning, facts, gates } = compareReports(now, earlier);
  const rows = [
    ...facts.map(([name, before, after]) => [name, before, after, ""]),
    ...gates.map(({ id, earlier: before, now: after, difference }) => [
      id,
      before,
      after,
      difference,
    ]),
  ].map((row) => row.map(printable));
  return [
    ...(warning === null ? [] : [` ${paint("yellow", `! ${warning}`)}`]),
    ...plainTable(["against the earlier report", "earlier", "now", "difference"], "lllr", rows),
    "",
  ];
}

function validity({ validity: checks, tokens, limits_hit }: ShadowReport, paint: Paint): string[] {
  const ids = (found: boolean | null) =>
    checks.filter(({ ok, limits }) => ok === found && limits !== null).map(({ id }) => id);
  const results = [
    [ids(true), "ok"] as const,
    [ids(null), "not checked"] as const,
    [ids(false), "failing"] as const,
  ]
    .filter(([names]) => names.length > 0)
    .map(([names, word]) => `${word}: ${printable(names.join(", "))}`);
  const told = checks.filter(({ ok, at_risk }) => ok === false || at_risk === true);
  return [
    ` soundness  ${[...results, `tokens by usage ${percent(tokens.provenance.usage, 0)}`].join("   ")}`,
    ...told.map(
      (check) =>
        `   ${paint("yellow", checkWord(check))}: ${printable(check.text)}: ${checkValue(check)}`,
    ),
    ...limits_hit.map((limit) => `   limit reached: ${printable(limit)}`),
  ];
}

const maxReasons = 8;

function verdict(report: ShadowReport, paint: Paint): string[] {
  const { status, sign, word, reasons, caveats, next, where } = headlineOf(report);
  const { elapsed_s, horizon_s } = report.evaluation;
  const more = reasons.length > maxReasons ? [`   - and ${reasons.length - maxReasons} more`] : [];
  const run = word === "collecting" ? `   ${clock(elapsed_s)} of ${clock(horizon_s)}` : "";
  return [
    ` ${paint([verdictColours[status], "bold"], `${sign} ${word}`)}${run}`,
    ...reasons.slice(0, maxReasons).map((text) => `   - ${printable(text)}`),
    ...more,
    ...caveats.map((text) => `   ! ${printable(text)}`),
    `   next: ${printable(next)}`,
    ...where.map((text) => `   where: ${printable(text)}`),
  ];
}
