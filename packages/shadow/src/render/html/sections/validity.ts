import type { ValidityCheck } from "../../../report/shadow-report.ts";
import { checkLimits, checkWord, number } from "../../format.ts";
import { text } from "../escape.ts";
import { type Cell, headRow, table } from "../table.ts";

/** Whether the experiment itself can be relied on. */
export function validitySection(checks: readonly ValidityCheck[]): string {
  const head = headRow([
    "check",
    '<th scope="col" class="l">what</th>',
    "found",
    '<th scope="col" class="c">allowed</th>',
    '<th scope="col" class="l">result</th>',
  ]);
  return `<section aria-labelledby="validity"><h2 id="validity">Is the experiment sound?</h2>
${table({ caption: "A broken experiment has no verdict, whatever its gates say.", head, rows: checks.map(row), className: "checks" })}</section>`;
}

function row(check: ValidityCheck): readonly Cell[] {
  const { id, text: what, value, ok, effect } = check;
  const colour =
    ok === null ? "soft" : ok ? "PASS" : effect === "invalid" ? "INVALID" : "INCONCLUSIVE";
  return [
    text(id),
    { html: text(what), className: "l wrap" },
    number(value),
    { html: text(checkLimits(check)), className: "c" },
    { html: `<span class="${colour}">${text(checkWord(check))}</span>`, className: "l" },
  ];
}
