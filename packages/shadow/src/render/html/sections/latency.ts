import type { LaneSummary, MetricSummary, ShadowReport } from "../../../report/shadow-report.ts";
import { count, metricNames, milliseconds, number, ratio, unknown } from "../../format.ts";
import { type Cell, table } from "../table.ts";

const levels = ["p50", "p90", "p99"] as const;

/** Quantiles of both lanes with their ratios, and what the lanes got done. */
export function latencySection(report: ShadowReport): string {
  return `<section aria-labelledby="latency"><h2 id="latency">Latency and throughput</h2>
${quantiles(report)}
${throughput(report)}</section>`;
}

function quantiles({ metrics }: ShadowReport): string {
  const rows = metricNames.flatMap(([key, name, meaning]) => {
    const summary = metrics[key];
    if (summary.primary.n === 0 && summary.shadow.n === 0) return [];
    return [
      [`${name}<small>${meaning}</small>`, ...levels.flatMap((level) => cells(summary, level))],
    ];
  });
  const groups = levels.map(
    (level) => `<th scope="colgroup" colspan="3" class="group">${level}</th>`,
  );
  const sides = levels.flatMap(() => [{ html: "primary", className: "start" }, "shadow", "ratio"]);
  return table({
    caption:
      "Pairs in which both lanes were ok. Below a ratio: its 90 % interval, known at the planned end.",
    groups: `<tr><td></td>${groups.join("")}</tr>`,
    columns: ["metric", ...sides],
    rows: rows.length === 0 ? [[{ html: "no pairs yet", className: "soft" }]] : rows,
    className: "latency",
  });
}

function cells({ primary, shadow, ratios }: MetricSummary, level: (typeof levels)[number]): Cell[] {
  const change = ratios[level];
  const isBounded = change !== null && change.lower !== null && change.upper !== null;
  const interval = isBounded
    ? `<small>${ratio(change.lower)} to ${ratio(change.upper)}</small>`
    : "";
  const lane = (summary: LaneSummary) => milliseconds(summary[level]);
  return [
    { html: lane(primary), className: "start" },
    lane(shadow),
    { html: `${ratio(change?.estimate ?? null)}${interval}`, className: "strong" },
  ];
}

function throughput({ throughput: { primary, shadow }, tokens }: ShadowReport): string {
  const row = (name: string, first: number | null, second: number | null, shown = number) => {
    const isComparable = first !== null && second !== null && first > 0;
    return [name, shown(first), shown(second), isComparable ? ratio(second / first) : unknown];
  };
  return table({
    caption: "What the lanes got done in the window.",
    columns: ['<span class="hidden">what</span>', "primary", "shadow", "ratio"],
    rows: [
      row("output tokens per second", primary.tokens_per_s, shadow.tokens_per_s),
      row("… per replica", primary.tokens_per_s_per_replica, shadow.tokens_per_s_per_replica),
      row("output tokens", tokens.output.primary, tokens.output.shadow, count),
      row(
        "goodput: requests per second within every SLO",
        primary.goodput_per_s,
        shadow.goodput_per_s,
      ),
      row("requests", primary.requests, shadow.requests, count),
    ],
    className: "narrow",
  });
}
