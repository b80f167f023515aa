import type { MatrixCell, ReportFunnel, ShadowReport } from "../../../report/shadow-report.ts";
import { count, number, unknown } from "../../format.ts";
import { funnelSteps, lossesOf } from "../../run-words.ts";
import { text } from "../escape.ts";
import { shareBar } from "../svg/share-bar.ts";
import { type Cell, table } from "../table.ts";

/** Where requests were lost, and what both lanes answered to the same request. */
export function reliabilitySection({ funnel, errors, finish_reasons }: ShadowReport): string {
  const p = errors.mcnemar_p === null ? "" : ` McNemar's exact p ${number(errors.mcnemar_p)}.`;
  return `<section aria-labelledby="reliability"><h2 id="reliability">Reliability</h2>
${funnelCard(funnel)}
<div class="grid">
${matrix(`Pairs by class.${p}`, errors.matrix)}
${matrix("Pairs by finish reason.", finish_reasons.matrix)}
</div></section>`;
}

function funnelCard(funnel: ReportFunnel): string {
  const steps = funnelSteps(funnel);
  const most = Math.max(1, ...steps.map(([, n]) => n));
  const items = steps.map(
    ([name, n]) =>
      `<li><span>${name}</span>${shareBar(n / most)}<span class="n">${count(n)}</span></li>`,
  );
  const losses = lossesOf(funnel).map(
    ({ where, total, reasons }) =>
      `<p class="lost"><span class="label">${text(where)}</span>${count(total)}${reasons.length === 0 ? "" : `: ${text(reasons.join(", "))}`}</p>`,
  );
  const lost = losses.length === 0 ? '<p class="lost">Nothing was lost.</p>' : losses.join("");
  return `<div class="card"><h3>From request to used pair</h3><div class="split"><ol class="funnel">${items.join("")}</ol><div>${lost}</div></div></div>`;
}

/**
 * Rows are the primary's outcomes, columns the shadow's. Cells where both agree are shaded; cells where only one is ok
 * are marked.
 */
function matrix(caption: string, cells: readonly MatrixCell[]): string {
  if (cells.length === 0)
    return `<div class="card"><h3>${caption}</h3><p class="soft">No pairs yet.</p></div>`;
  // Both sides have the same order, so that agreement is on the diagonal.
  const words = [...new Set(cells.flatMap(([first, second]) => [first, second]))];
  const firsts = words.filter((word) => cells.some(([first]) => first === word));
  const seconds = words.filter((word) => cells.some(([, second]) => second === word));
  const name = (word: string) => (word === "" ? unknown : text(word));
  const rows = firsts.map((first): readonly Cell[] => [
    name(first),
    ...seconds.map((second) => {
      const n = cells.find(([a, b]) => a === first && b === second)?.[2] ?? 0;
      const className = n === 0 ? "none" : first === second ? "same" : "other";
      return { html: n === 0 ? "0" : count(n), className };
    }),
  ]);
  const drawn = table({
    caption: `${caption} <span class="advisory">Shaded: both lanes agree.</span>`,
    groups: `<tr><td></td><th scope="colgroup" colspan="${seconds.length}" class="group">shadow</th></tr>`,
    columns: ["primary", ...seconds.map(name)],
    rows,
    className: "matrix",
  });
  // Many classes need the whole width.
  return `<div${seconds.length > 3 ? ' class="all"' : ""}>${drawn}</div>`;
}
