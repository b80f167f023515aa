import { styleText } from "node:util";
import Table from "cli-table3";
import { printable } from "../printable.ts";
import type { GateResult, ShadowReport } from "../report/shadow-report.ts";
import {
  checkValue,
  checkWord,
  clock,
  count,
  gateStatus,
  gateValues,
  metricRows,
  nextStep,
  percent,
  verdictWord,
} from "./format.ts";

/** How a report is written to a terminal. */
export interface TextOptions {
  readonly color: boolean;
  /** Columns. Long lines are broken there, and below 125 intervals are numbers without their picture. */
  readonly width?: number;
}

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** The report for a terminal: gates, lanes, checks and the verdict. */
export function renderReportText(report: ShadowReport, { color, width }: TextOptions): string {
  // Whether there is a terminal was decided by who asks: pipes are not looked at again.
  const paint: Paint = (style, text) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const prose = (lines: readonly string[]) => lines.flatMap((line) => broken(line, width));
  return [
    ...prose([heading(report, paint), funnel(report)]),
    "",
    ...gatesTable(report.gates, paint, width === undefined || width >= 125),
    "",
    ...metricsTable(report),
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

function heading({ evaluation, baseline, candidate, control }: ShadowReport, paint: Paint): string {
  const { sampling } = evaluation;
  const against = control === null ? "" : ` (control ${printable(control.pool)})`;
  const share =
    sampling === null
      ? ""
      : `   mirrored ${Number(sampling.percent.toFixed(2))}% (by ${sampling.by})`;
  return [
    paint("bold", `shadow evaluation ${printable(evaluation.id)}`),
    `  ${printable(baseline.pool) || "primary"}${against} -> ${printable(candidate.pool) || "shadow"}`,
    `   ${clock(evaluation.elapsed_s)} / ${clock(evaluation.horizon_s)}${share}`,
  ].join("");
}

function funnel({ funnel: f }: ShadowReport): string {
  const steps = `eligible ${count(f.eligible)}  sampled ${count(f.sampled)}  mirrored ${count(f.dispatched)}  paired ${count(f.paired)}  used ${count(f.used)}`;
  return ` funnel  ${steps}${lost("not eligible", f.not_eligible ?? {})}${lost("dropped", f.dropped)}${lost("censored", f.censored)}`;
}

function lost(name: string, counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts).filter(([, n]) => n > 0);
  if (all.length === 0) return "";
  const total = all.reduce((sum, [, n]) => sum + n, 0);
  const reasons = all.map(([reason, n]) => `${printable(reason)} ${count(n)}`).join(", ");
  return `   ${name} ${count(total)} (${reasons})`;
}

/** Without lines: pasted into a ticket it stays readable. */
function table(head: readonly string[], aligns: string, rows: readonly (readonly string[])[]) {
  const none = ["top", "bottom", "left", "right", "mid"].flatMap((edge) => [
    [edge, ""],
    [`${edge}-mid`, ""],
    [`${edge}-left`, ""],
    [`${edge}-right`, ""],
  ]);
  const drawn = new Table({
    head: [...head],
    chars: { ...Object.fromEntries(none), left: " ", middle: " " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 1 },
    colAligns: [...aligns].map((side) => (side === "l" ? "left" : "right")),
  });
  drawn.push(...rows.map((row) => [...row]));
  return drawn.toString().split("\n");
}

function gatesTable(gates: readonly GateResult[], paint: Paint, isWide: boolean): string[] {
  const rows = gates.map((gate) => {
    const { primary, shadow, estimate, lower, upper, margin } = gateValues(gate);
    const bar = intervalBar(gate);
    const name = gate.required ? gate.id : `${gate.id} (advisory)`;
    const status = paint(gateColours[gate.status], printable(gateStatus(gate)));
    const interval = isWide ? [lower, bar, upper] : [lower, bar === "" ? "" : "..", upper];
    const shown = bar === "" ? ["", "", ""] : interval;
    return [printable(name), primary, shadow, estimate, ...shown, margin, status];
  });
  const interval = isWide ? ["from", "interval, | margin", "to"] : ["from", "", "to"];
  const head = ["gate", "primary", "shadow", "change", ...interval, "margin", "status"];
  return table(head, "lrrrrlrrl", rows);
}

const barCells = 21;

/**
 * `[----+---]    |` in a fixed width: the interval, the estimate and the margin, from no difference (or from what lies
 * under it) to the margin (or to what lies over it). Empty without an interval.
 */
function intervalBar(gate: GateResult): string {
  const { estimate, margin, margin_low: low, kind } = gate;
  const { lower, upper } = gate.interval ?? { lower: null, upper: null };
  if (lower === null || upper === null) return "";
  const from = Math.min(lower, low ?? margin, kind === "ratio" ? 1 : 0);
  const to = Math.max(upper, margin);
  const at = (value: number) =>
    to > from ? Math.round(((value - from) / (to - from)) * (barCells - 1)) : 0;
  const drawn: string[] = Array.from({ length: barCells }, (_, i) =>
    i > at(lower) && i < at(upper) ? "-" : " ",
  );
  const mark = (value: number | null, sign: string) => {
    if (value !== null) drawn[at(value)] = sign;
  };
  mark(lower, "[");
  mark(upper, "]");
  // Bounds in one cell leave room for no bracket: then the estimate stands for both.
  if (at(upper) - at(lower) !== 1) mark(estimate, "+");
  mark(margin, "|");
  mark(low, "|");
  return drawn.join("");
}

function metricsTable(report: ShadowReport): string[] {
  const rows = metricRows(report).map(([name, ...cells]) => [name, ...cells.flat()]);
  const head = ["", "primary p50", "p90", "p99", "shadow p50", "p90", "p99", "ratio p50"];
  return rows.length === 0 ? [] : [...table([...head, "p90", "p99"], "lrrrrrrrrr", rows), ""];
}

function validity({ validity: checks, tokens, limits_hit }: ShadowReport, paint: Paint): string[] {
  const ids = (found: boolean | null) =>
    checks.filter(({ ok, limits }) => ok === found && limits !== null).map(({ id }) => id);
  const said = [
    [ids(true), "ok"] as const,
    [ids(null), "not known"] as const,
    [ids(false), "failing"] as const,
  ]
    .filter(([names]) => names.length > 0)
    .map(([names, word]) => `${word}: ${printable(names.join(", "))}`);
  const failed = checks.filter(({ ok }) => ok === false);
  return [
    ` validity  ${[...said, `tokens by usage ${percent(tokens.provenance.usage, 0)}`].join("   ")}`,
    ...failed.map(
      (check) =>
        `   ${paint("yellow", checkWord(check))}: ${printable(check.text)}: ${checkValue(check)}`,
    ),
    ...limits_hit.map((limit) => `   limit reached: ${printable(limit)}`),
  ];
}

function verdict(report: ShadowReport, paint: Paint): string[] {
  const { status, reasons, next } = report.verdict;
  const more = reasons.length > 8 ? [`   - and ${reasons.length - 8} more`] : [];
  return [
    ` ${paint([verdictColours[status], "bold"], verdictWord(report))}`,
    ...reasons.slice(0, 8).map(({ text }) => `   - ${printable(text)}`),
    ...more,
    `   next: ${printable(nextStep(next))}`,
  ];
}

/** Breaks a line between words. What follows is set in; a word longer than the line is cut. */
function broken(line: string, columns = Number.POSITIVE_INFINITY): string[] {
  const width = Math.max(40, columns);
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const end = space > 12 ? space : width;
    lines.push(rest.slice(0, end).trimEnd());
    rest = `     ${rest.slice(end).trimStart()}`;
  }
  return [...lines, rest];
}
