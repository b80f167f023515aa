import { styleText } from "node:util";
import Table from "cli-table3";
import type { GateResult, MetricName, ShadowReport } from "../report/shadow-report.ts";
import {
  checkValue,
  checkWord,
  clock,
  count,
  duration,
  gateStatus,
  gateValues,
  milliseconds,
  percent,
  ratio,
  verdictSigns,
} from "./format.ts";

export interface TextOptions {
  readonly color: boolean;
}

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** The report for a terminal: gates, lanes, checks and the verdict. */
export function renderReportText(report: ShadowReport, { color }: TextOptions): string {
  const paint: Paint = (style, text) => (color ? styleText(style, text) : text);
  return [
    heading(report, paint),
    funnel(report),
    gatesTable(report, paint),
    metricsTable(report),
    validity(report, paint),
    verdict(report, paint),
  ].join("\n");
}

const verdictColours = {
  PASS: "green",
  FAIL: "red",
  INCONCLUSIVE: "yellow",
  INVALID: "magenta",
} as const;
const gateColours = {
  PASS: "green",
  FAIL: "red",
  INCONCLUSIVE: "yellow",
  NOT_JUDGED: "dim",
} as const;
/** Without lines: pasted into a ticket it stays readable. */
const bare = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: " ",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: " ",
};

function heading(report: ShadowReport, paint: Paint): string {
  const { evaluation, baseline, candidate, control } = report;
  const sampling =
    evaluation.sampling === null
      ? ""
      : `   mirrored ${Number(evaluation.sampling.percent.toFixed(2))}% (by ${evaluation.sampling.by})`;
  const against = control === null ? "" : ` (control ${control.pool})`;
  return [
    paint("bold", `shadow evaluation ${evaluation.id}`),
    `  ${clean(baseline.pool) || "primary"}${against} -> ${clean(candidate.pool)}`,
    `   ${clock(evaluation.elapsed_s)} / ${clock(evaluation.horizon_s)}${sampling}`,
  ].join("");
}

function funnel({ funnel: f }: ShadowReport): string {
  const dropped = Object.entries(f.dropped).map(([reason, n]) => `${reason} ${count(n)}`);
  const total = Object.values(f.dropped).reduce((sum, n) => sum + n, 0);
  const drops = total === 0 ? "" : `   dropped ${count(total)} (${dropped.join(", ")})`;
  const censored = Object.entries(f.censored).map(([reason, n]) => `${reason} ${count(n)}`);
  const cut = censored.length === 0 ? "" : `   censored ${censored.join(", ")}`;
  return ` funnel  eligible ${count(f.eligible)}  sampled ${count(f.sampled)}  mirrored ${count(f.dispatched)}  paired ${count(f.paired)}  used ${count(f.used)}${drops}${cut}\n`;
}

function gatesTable({ gates }: ShadowReport, paint: Paint): string {
  const table = new Table({
    head: ["gate", "primary", "shadow", "change", "interval", "margin", "status"],
    chars: bare,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 1 },
    colAligns: ["left", "right", "right", "right", "left", "right", "left"],
  });
  for (const gate of gates) {
    const { primary, shadow, estimate, margin } = gateValues(gate);
    const status = paint(gateColours[gate.status], gateStatus(gate));
    const id = gate.required ? gate.id : `${gate.id} (advisory)`;
    table.push([id, primary, shadow, estimate, interval(gate), margin, status]);
  }
  return `${table.toString()}\n`;
}

const barWidth = 17;

/** `0.992 [....|..] 1.046`: the bounds, with the margin as a bar where it lies between or beside them. */
function interval(gate: GateResult): string {
  const { lower, upper, margin } = gate;
  if (lower === null || upper === null) return "";
  const bounds = gateValues(gate);
  const equal = gate.kind === "ratio" ? 1 : 0;
  const from = Math.min(lower, equal);
  const to = Math.max(upper, margin);
  const at = (value: number) =>
    to <= from ? 0 : Math.round(((value - from) / (to - from)) * (barWidth - 1));
  const cells = Array.from({ length: barWidth }, () => " ");
  for (let i = at(lower); i <= at(upper); i++) cells[i] = "-";
  cells[at(lower)] = "[";
  cells[at(upper)] = "]";
  cells[at(margin)] = "|";
  return `${bounds.lower} ${cells.join("")} ${bounds.upper}`;
}

const metricNames: readonly (readonly [MetricName, string])[] = [
  ["ttft_ms", "TTFT"],
  ["tpot_ms", "TPOT"],
  ["e2e_ms", "E2E"],
];

function metricsTable({ metrics }: ShadowReport): string {
  const table = new Table({
    head: ["", "primary p50", "p90", "p99", "shadow p50", "p90", "p99", "ratio p50", "p90", "p99"],
    chars: bare,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 1 },
    colAligns: ["left", ...Array.from({ length: 9 }, () => "right" as const)],
  });
  for (const [key, name] of metricNames) {
    const { primary, shadow, ratios } = metrics[key];
    if (primary.n === 0) continue;
    const lane = ({ p50, p90, p99 }: typeof primary) => [p50, p90, p99].map(milliseconds);
    const change = [ratios.p50, ratios.p90, ratios.p99].map((each) =>
      ratio(each?.estimate ?? null),
    );
    table.push([name, ...lane(primary), ...lane(shadow), ...change]);
  }
  return table.length === 0 ? "" : `${table.toString()}\n`;
}

function validity({ validity: checks, tokens, limits_hit }: ShadowReport, paint: Paint): string {
  const failed = checks.filter(({ ok }) => ok === false);
  const passed = checks.filter(({ ok }) => ok === true).map(({ id }) => id);
  const lines = failed.map(
    (check) => ` ${paint("yellow", checkWord(check))}: ${check.text}: ${checkValue(check)}`,
  );
  const ok = passed.length === 0 ? "nothing can be told yet" : `ok: ${passed.join(", ")}`;
  const source = `tokens by usage ${percent(tokens.provenance.usage, 0)}`;
  const limits = limits_hit.map((limit) => ` limit reached: ${clean(limit)}`);
  return [` validity  ${ok}   ${source}`, ...lines, ...limits, ""].join("\n");
}

function verdict(
  { verdict: { status, reasons, next }, evaluation }: ShadowReport,
  paint: Paint,
): string {
  const so = evaluation.is_final || status !== "INCONCLUSIVE" ? "" : " so far";
  const first = paint([verdictColours[status], "bold"], `${verdictSigns[status]} ${status}${so}`);
  const shown = reasons.slice(0, 8).map(({ text }) => `   - ${clean(text)}`);
  const more = reasons.length > 8 ? [`   - and ${reasons.length - 8} more`] : [];
  const eta = next.eta_s === null ? "" : ` (~${duration(next.eta_s)})`;
  return [` ${first}`, ...shown, ...more, `   next: ${clean(next.action)}${eta}`].join("\n");
}

/** Names come from outside: what would move a terminal's cursor does not get there. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "�");
}
