import type { ShadowReport } from "../../../report/shadow-report.ts";
import { type SegmentRow, segmentRows } from "../../segment-rows.ts";
import { text, unbroken } from "../escape.ts";
import { forest, forestScale } from "../svg/forest.ts";
import { type Cell, left, table, wrapped } from "../table.ts";

/** Kinds of requests for which the shadow is worse. */
export function segmentsSection(report: ShadowReport): string {
  const rows = segmentRows(report);
  const caption =
    "Each kind of request, compared with the margins of its gates. “Worse”: over the margin, with a share of false alarms of at most 10 % among all that are marked (e-BH). Kinds of fewer than 200 pairs are shown and not judged; of fewer than 30 they are left out.";
  const content =
    rows.length === 0
      ? '<p class="card soft">Requests of one kind only, or too few of each to compare.</p>'
      : table({ caption, columns, rows: rows.map(row), className: "segments" });
  return `<section aria-labelledby="segments"><h2 id="segments">For whom is it worse?</h2>
${content}</section>`;
}

const columns: readonly Cell[] = [
  "requests",
  left("result"),
  left("gate"),
  "share",
  "change",
  left(`against the margin${forestScale()}`),
  { html: "interval", className: "c" },
  "margin",
  "pairs",
];

function row(each: SegmentRow): readonly Cell[] {
  const { name, gate, flagged, isJudged, change, share, n, estimate, interval, margin, status } =
    each;
  const tone = flagged ? "FAIL" : status.startsWith("✓") ? "PASS" : "NOT_JUDGED";
  const { kind, lower, upper } = change;
  const picture = forest({
    ...{ kind, lower, upper, wide: null, estimate: change.estimate },
    // Grey for rows that are not judged.
    ...{ margin: change.margin, marginLow: null, status: isJudged ? tone : "NOT_JUDGED" },
    label: `${name}, ${gate}: ${estimate}, interval ${interval}, ${status}`,
  });
  return [
    unbroken(name),
    wrapped(`<strong class="${tone}">${text(status)}</strong>`),
    left(text(gate)),
    share,
    { html: estimate, className: "strong" },
    { html: picture, className: "l plot" },
    { html: unbroken(interval), className: "c range" },
    margin,
    n,
  ];
}
