import type { MetricName, ShadowReport } from "../report/shadow-report.ts";
import {
  checkValue,
  checkWord,
  count,
  gateStatus,
  gateValues,
  milliseconds,
  ratio,
  verdictSigns,
} from "./format.ts";

/** The report as Markdown, for a comment of a CI run. */
export function renderReportMarkdown(report: ShadowReport): string {
  const { verdict, evaluation, baseline, candidate, funnel } = report;
  const so = evaluation.is_final || verdict.status !== "INCONCLUSIVE" ? "" : " so far";
  const lines = [
    `## ${verdictSigns[verdict.status]} Shadow evaluation: ${verdict.status}${so}`,
    "",
    `**${escaped(baseline.pool || "primary")}** → **${escaped(candidate.pool)}**, ${count(funnel.used)} pairs used of ${count(funnel.dispatched)} mirrored, evaluation ${escaped(evaluation.id)}`,
    "",
    ...verdict.reasons.map(({ text }) => `- ${escaped(text)}`),
    `- next: ${escaped(verdict.next.action)}`,
    "",
    "| gate | primary | shadow | change | interval | margin | status |",
    "|---|--:|--:|--:|---|--:|---|",
    ...report.gates.map((gate) => {
      const { primary, shadow, estimate, lower, upper, margin } = gateValues(gate);
      const name = gate.required ? gate.id : `${gate.id} (advisory)`;
      const cells = [name, primary, shadow, estimate, `${lower} .. ${upper}`, margin];
      return row([...cells, gateStatus(gate)]);
    }),
    "",
    "| | primary p50 / p90 / p99 | shadow p50 / p90 / p99 | ratio p50 / p90 / p99 |",
    "|---|--:|--:|--:|",
    ...metrics.flatMap(([key, name]) => {
      const { primary, shadow, ratios } = report.metrics[key];
      if (primary.n === 0) return [];
      const lane = ({ p50, p90, p99 }: typeof primary) =>
        [p50, p90, p99].map(milliseconds).join(" / ");
      const change = [ratios.p50, ratios.p90, ratios.p99]
        .map((each) => ratio(each?.estimate ?? null))
        .join(" / ");
      return [row([name, lane(primary), lane(shadow), change])];
    }),
    "",
    ...report.validity
      .filter(({ ok }) => ok === false)
      .map((check) => `- ${checkWord(check)}: ${escaped(check.text)}: ${checkValue(check)}`),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

const metrics: readonly (readonly [MetricName, string])[] = [
  ["ttft_ms", "TTFT"],
  ["tpot_ms", "TPOT"],
  ["e2e_ms", "E2E"],
];

function row(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(" | ")} |`;
}

/** Nothing from outside becomes markup: neither Markdown's nor HTML's. */
function escaped(text: string): string {
  return flat(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/[\\`*_{}[\]|#~!@]/g, (sign) => `\\${sign}`);
}

function flat(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
