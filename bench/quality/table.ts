import type { Outcome } from "./play.ts";
import type { Workload } from "./workloads.ts";

const columns = [
  "policy",
  "goodput/s",
  "vs round robin",
  "TTFT p50",
  "p90",
  "p99",
  "E2E p50",
  "p99",
  "LoRA loads",
  "prefix hits",
] as const;

/** One workload's outcomes, times in ms; as a Markdown table or for the terminal. */
export function tableOf(
  { name, about, slo }: Workload,
  outcomes: readonly Outcome[],
  isMarkdown: boolean,
): string {
  const robin = outcomes.find(({ policy }) => policy === "round robin");
  const rows = outcomes.map((outcome) => cells(outcome, robin));
  const title = `${name}: ${about}. Good: first token within ${slo.ttftMs} ms, ${slo.tpotMs} ms a token.`;
  if (isMarkdown) {
    const line = (values: readonly string[]) => `| ${values.join(" | ")} |`;
    const rule = line(columns.map((_, i) => (i === 0 ? "---" : "---:")));
    return [
      `**${name}** — ${title.slice(name.length + 2)}`,
      "",
      line(columns),
      rule,
      ...rows.map(line),
      "",
    ].join("\n");
  }
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (values: readonly string[]) =>
    values
      .map((value, i) => (i === 0 ? value.padEnd(widths[i] ?? 0) : value.padStart(widths[i] ?? 0)))
      .join("  ");
  return [title, line(columns), ...rows.map(line), ""].join("\n");
}

function cells(outcome: Outcome, robin: Outcome | undefined): readonly string[] {
  const { policy, goodput, ttftMs, e2eMs, loraLoads, prefixHitRate } = outcome;
  const ratio = robin === undefined ? Number.NaN : goodput / robin.goodput;
  return [
    policy,
    goodput.toFixed(2),
    Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : "–",
    ...[ttftMs.p50, ttftMs.p90, ttftMs.p99, e2eMs.p50, e2eMs.p99].map((ms) => ms.toFixed(0)),
    String(loraLoads),
    `${(100 * prefixHitRate).toFixed(0)} %`,
  ];
}
