import type { ShadowReport } from "../../../report/shadow-report.ts";
import { compareReports } from "../../comparison.ts";
import { text } from "../escape.ts";
import { left, table, wrapped } from "../table.ts";

/** Compares the report with an earlier one. */
export function comparisonSection(now: ShadowReport, earlier: ShadowReport): string {
  const { warning, facts, gates } = compareReports(now, earlier);
  const notice = warning === null ? "" : `<p class="card INCONCLUSIVE">! ${text(warning)}</p>`;
  return `<section aria-labelledby="against"><h2 id="against">Against the earlier report</h2>
${notice}${table({
  caption: "Both reports side by side.",
  columns: [
    '<span class="hidden">what</span>',
    left("earlier"),
    left("now"),
    "now against earlier",
  ],
  rows: [
    ...facts.map(([name, before, after]) => [
      text(name),
      wrapped(text(before)),
      wrapped(text(after)),
      "",
    ]),
    ...gates.map(({ id, earlier: before, now: after, difference, isOtherStatus }) => [
      text(id),
      wrapped(text(before)),
      wrapped(isOtherStatus ? `<strong>${text(after)}</strong>` : text(after)),
      text(difference),
    ]),
  ],
})}</section>`;
}
