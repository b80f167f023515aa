import { styleText } from "node:util";
import Table from "cli-table3";
import type { LaneReport, Metric, ShadowReport } from "./report.ts";

/** The report for a terminal: lanes as columns. */
export function renderReportTable(
  report: ShadowReport,
  { color }: { readonly color: boolean },
): string {
  const bold = (text: string) => (color ? styleText("bold", text) : text);
  const table = new Table({
    head: [
      "",
      ...report.lanes.map(({ lane, pool }) => bold(`${lane}\n${pool}`)),
      "median of\npairs' ratios",
    ],
    style: { head: [], border: [] },
  });
  const row = (name: string, cell: (lane: LaneReport) => string, last = "") =>
    table.push([name, ...report.lanes.map(cell), last]);

  row("requests", ({ requests }) => String(requests), `${report.pairs} pairs`);
  row("ok", ({ classes }) => String(classes.ok ?? 0));
  row("other", (lane) => others(lane));
  for (const [name, metric] of metrics) {
    const found = report.medianRatio[metric];
    for (const level of ["p50", "p90", "p99"] as const) {
      const shown = level === "p50" && found !== undefined ? found.toFixed(2) : "";
      row(`${name} ${level} ms`, (lane) => milliseconds(lane[metric]?.[level]), shown);
    }
  }
  row("mean output tokens", ({ meanOutTokens }) => meanOutTokens?.toFixed(1) ?? "-");
  row("endpoints", ({ endpoints }) =>
    Object.entries(endpoints)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([endpoint, count]) => `${endpoint}  ${count}`)
      .join("\n"),
  );
  const { unpaired, dropped, expired } = report;
  const notes = `without a twin: ${unpaired.primary} primary, ${unpaired.shadow} shadow; waited in vain: ${expired}; not recorded: ${dropped}`;
  return `${table.toString()}\n${notes}`;
}

const metrics: readonly (readonly [string, Metric])[] = [
  ["TTFT", "ttftMs"],
  ["TPOT", "tpotMs"],
  ["E2E", "e2eMs"],
];

function milliseconds(value: number | undefined): string {
  return value?.toFixed(1) ?? "-";
}

function others({ classes }: LaneReport): string {
  const found = Object.entries(classes).filter(([name]) => name !== "ok");
  return found.length === 0 ? "0" : found.map(([name, count]) => `${name} ${count}`).join("\n");
}
