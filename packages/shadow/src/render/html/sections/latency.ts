import { changesApart } from "../../../report/change-words.ts";
import type { LaneSummary, MetricSummary, ShadowReport } from "../../../report/shadow-report.ts";
import { behaviourRows } from "../../cost-words.ts";
import { milliseconds, shownMetrics, unknown } from "../../format.ts";
import { sidesTable } from "../sides-table.ts";
import { type Cell, table } from "../table.ts";

const levels = ["p50", "p90", "p99"] as const;

/** Quantiles of both lanes with their changes, and how the lanes stream. */
export function latencySection(report: ShadowReport): string {
  return `<section aria-labelledby="latency"><h2 id="latency">Latency</h2>
${quantiles(report)}
${sidesTable("How the lanes stream, reason and cache. Only described, not judged.", behaviourRows(report))}</section>`;
}

function quantiles(report: ShadowReport): string {
  const rows = shownMetrics(report).map(([key, name, meaning]): readonly Cell[] => [
    `${name}<small>${meaning}</small>`,
    ...levels.flatMap((level) => cells(report.metrics[key], level)),
  ]);
  const groups = levels.map(
    (level) => `<th scope="colgroup" colspan="3" class="group">${level}</th>`,
  );
  const sides = levels.flatMap(() => [{ html: "primary", className: "start" }, "shadow", "change"]);
  return table({
    caption:
      "Pairs in which both lanes succeeded. Below each change: its 90 % interval, available at the planned end.",
    groups: `<tr><td></td>${groups.join("")}</tr>`,
    columns: ["metric", ...sides],
    rows: rows.length === 0 ? [[{ html: "no pairs yet", className: "soft" }]] : rows,
    className: "latency",
  });
}

function cells({ primary, shadow, ratios }: MetricSummary, level: (typeof levels)[number]): Cell[] {
  const change = ratios[level];
  const values = [change?.estimate ?? null, change?.lower ?? null, change?.upper ?? null];
  const [estimate, lower, upper] = changesApart(values, [], "ratio");
  const isBounded = lower !== null && upper !== null && lower !== undefined;
  const interval = isBounded ? `<small>${lower} to ${upper}</small>` : "";
  const lane = (summary: LaneSummary) => milliseconds(summary[level]);
  return [
    { html: lane(primary), className: "start" },
    lane(shadow),
    { html: `${estimate ?? unknown}${interval}`, className: "strong" },
  ];
}
