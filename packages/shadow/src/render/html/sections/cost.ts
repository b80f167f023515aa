import type { ShadowReport } from "../../../report/shadow-report.ts";
import { costRows, costSentences } from "../../cost-words.ts";
import { text } from "../escape.ts";
import { sidesTable } from "../sides-table.ts";

/** Load and cost of both lanes, and the cost of mirroring. */
export function costSection(report: ShadowReport): string {
  const sentences = costSentences(report).map((line) => `<p>${text(sentence(line))}</p>`);
  const caption =
    "Rates of each lane over all of its requests, mirrored or not, at its load during the run. Lanes with different utilisation can't be compared.";
  const content =
    sentences.length === 0
      ? '<p class="card soft">Unknown: the cost of a lane needs a running sidecar, which sees all of its requests.</p>'
      : `${sidesTable(caption, costRows(report))}<div class="card prose">${sentences.join("")}</div>`;
  return `<section aria-labelledby="cost"><h2 id="cost">What does it cost?</h2>
${content}</section>`;
}

function sentence(line: string): string {
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
}
