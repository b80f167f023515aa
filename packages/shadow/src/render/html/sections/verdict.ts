import type { ShadowReport } from "../../../report/shadow-report.ts";
import { headlineOf } from "../../headline.ts";
import { type LaneWords, lanesOf, runFacts } from "../../run-words.ts";
import { linked, text } from "../escape.ts";

const mostReasons = 12;

/** The verdict with its reasons, caveats, next step, lanes and facts of the run. */
export function verdictSection(report: ShadowReport): string {
  const { status, sign, word, reasons, caveats, next, where } = headlineOf(report);
  const shown = reasons.slice(0, mostReasons).map((reason) => `<li>${text(reason)}</li>`);
  const more = reasons.length - mostReasons;
  const rest = more > 0 ? `<li>and ${more} more</li>` : "";
  const list = (name: string, items: readonly string[]) =>
    items.length === 0
      ? ""
      : `<div class="caveats"><span class="label">${name}</span><ul>${items.map((item) => `<li>${text(item)}</li>`).join("")}</ul></div>`;
  return `<section class="card verdict ${status}" aria-labelledby="verdict">
<div class="findings"><h2 id="verdict" class="word"><span class="sign" aria-hidden="true">${sign}</span>${word}</h2>
<ul class="reasons">${shown.join("")}${rest}</ul>
${list("Note", caveats)}<p class="next"><span class="label">Next</span>${text(next)}</p>${list("Where", where)}</div>
<div class="lanes">${lanesOf(report).map(lane).join('<span class="arrow" aria-hidden="true">→</span>')}</div>
<dl class="facts">${facts(report)}</dl>
</section>`;
}

function lane({ lane: kind, pool, about }: LaneWords): string {
  const name = kind === "control" ? "control lane" : kind;
  return `<div class="lane ${kind}"><span class="label">${name}</span><strong>${text(pool)}</strong><span class="soft">${text(about.join(" · "))}</span></div>`;
}

function facts(report: ShadowReport): string {
  return runFacts(report)
    .map(([name, value]) => `<div><dt>${text(name)}</dt><dd>${linked(value)}</dd></div>`)
    .join("");
}
