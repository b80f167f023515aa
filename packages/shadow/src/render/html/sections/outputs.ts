import type { ShadowReport } from "../../../report/shadow-report.ts";
import { percent } from "../../format.ts";
import { outputRows, outputSentences } from "../../output-words.ts";
import { text } from "../escape.ts";
import { table } from "../table.ts";

/** What the answers say; empty if the report does not tell. */
export function outputsSection(report: ShadowReport): string {
  const { outputs } = report;
  if (outputs === null) return "";
  const sentences = outputSentences(report).map((each) => `<p>${text(each)}</p>`);
  return `<section aria-labelledby="outputs"><h2 id="outputs">What does it say?</h2>
<div class="card prose">${sentences.join("")}</div>
<div class="grid">
${table({
  caption:
    "Share of answers, on both lanes for the same requests. The gates out.* judge the difference.",
  columns: ["answers", "primary", "shadow", "change"],
  rows: outputRows(report).map((row) => row.map(text)),
})}
${table({
  caption: "Share of pairs whose texts differ before so many characters.",
  columns: ["characters", "differ"],
  rows: outputs.divergence.map(([chars, share]) => [text(String(chars)), percent(share)]),
})}
</div></section>`;
}
