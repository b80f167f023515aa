import type { ReportOutputs } from "../../../report/report-outputs.ts";
import type { ShadowReport } from "../../../report/shadow-report.ts";
import { count, percent } from "../../format.ts";
import { gateValues, statusWord } from "../../gate-words.ts";
import { judgeSentences } from "../../judge-words.ts";
import { outputTable } from "../../output-table.ts";
import { outputSentences } from "../../output-words.ts";
import { text, unbroken } from "../escape.ts";
import { agreementCurve } from "../svg/agreement-curve.ts";
import { forestScale } from "../svg/forest.ts";
import { left, table, wrapped } from "../table.ts";
import { gateForest } from "./gates.ts";

/** What the answers say; empty if the report does not tell. */
export function outputsSection(report: ShadowReport): string {
  const { outputs } = report;
  if (outputs === null) return "";
  return `<section aria-labelledby="outputs"><h2 id="outputs">What does it say?</h2>
<div class="card prose">${paragraphs(outputSentences(report))}</div>
${gatesTable(report)}
<div class="grid">
${[flagsTable(report), curveCard(outputs), divergenceTable(outputs), toolTable(outputs), judgeCard(report)].filter((part) => part !== "").join("\n")}
</div></section>`;
}

function paragraphs(sentences: readonly string[]): string {
  return sentences.map((each) => `<p>${text(each)}</p>`).join("");
}

/** The gates `out.*` against their margins. */
function gatesTable({ gates }: ShadowReport): string {
  const shown = gates.filter(({ id, estimate }) => id.startsWith("out.") && estimate !== null);
  if (shown.length === 0) return "";
  return table({
    caption: "How much worse the answers are, against the margins of the gates.",
    columns: [
      ...["gate", left("status"), "change", left(`against the margin${forestScale()}`)],
      ...[{ html: "interval", className: "c" }, "margin", "n"],
    ],
    rows: shown.map((gate) => {
      const { estimate, interval, margin } = gateValues(gate);
      return [
        unbroken(gate.id),
        wrapped(`<strong class="${gate.status}">${statusWord(gate)}</strong>`),
        { html: estimate, className: "strong" },
        { html: gateForest(gate), className: "l plot" },
        { html: unbroken(interval), className: "c range" },
        { html: unbroken(margin), className: "range" },
        count(gate.n),
      ];
    }),
    className: "gates",
  });
}

function flagsTable(report: ShadowReport): string {
  const found = outputTable(report);
  if (found === undefined) return "";
  return table({
    caption:
      "Share of answers, on the lanes for the same requests. The gates out.* judge the difference; the interval is theirs.",
    columns: ["answers", ...found.columns],
    rows: found.rows.map((row) => row.map(text)),
  });
}

function curveCard({ divergence, divergence_floor: floor }: ReportOutputs): string {
  const drawn = agreementCurve({ shadow: divergence, control: floor });
  if (drawn === undefined) return "";
  const lanes =
    floor === undefined
      ? "the shadow with the primary"
      : "the shadow and the control with the primary";
  return `<div class="card"><h3>Where texts begin to differ: ${lanes}</h3>${drawn}</div>`;
}

function divergenceTable({ divergence, divergence_floor: floor }: ReportOutputs): string {
  return table({
    caption: "Share of pairs whose texts differ before so many characters.",
    columns: ["characters", "differ", ...(floor === undefined ? [] : ["of the control"])],
    rows: divergence.map(([chars, share], i) => [
      text(String(chars)),
      percent(share),
      ...(floor === undefined ? [] : [percent(floor[i]?.[1] ?? null)]),
    ]),
  });
}

function toolTable({ tools }: ReportOutputs): string {
  if (tools === null) return "";
  return table({
    caption: "Pairs of requests with tools, by how far the calls agree.",
    columns: ["calls", "pairs", "share"],
    rows: tools.levels.map(([level, pairs]) => [
      text(level),
      count(pairs),
      percent(tools.n === 0 ? null : pairs / tools.n, 1),
    ]),
  });
}

function judgeCard(report: ShadowReport): string {
  const sentences = judgeSentences(report);
  if (sentences.length === 0) return "";
  return `<div class="card prose"><h3>Judge model</h3>${paragraphs(sentences)}</div>`;
}
