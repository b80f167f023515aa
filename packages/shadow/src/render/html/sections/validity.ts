import type { ValidityCheck } from "../../../report/shadow-report.ts";
import { checkLimits, checkWord, number } from "../../format.ts";
import { text } from "../escape.ts";
import { type Cell, left, table, wrapped } from "../table.ts";

/** Whether the experiment itself can be relied on. */
export function validitySection(checks: readonly ValidityCheck[]): string {
  const allowed = { html: "allowed", className: "c" };
  const columns = ["check", left("what"), "found", allowed, left("result")];
  return `<section aria-labelledby="validity"><h2 id="validity">Is the experiment sound?</h2>
${table({ caption: "A broken experiment has no verdict, whatever its gates say.", columns, rows: checks.map(row), className: "checks" })}</section>`;
}

function row(check: ValidityCheck): readonly Cell[] {
  const { id, text: what, value, ok, effect } = check;
  const colour =
    ok === null ? "soft" : ok ? "PASS" : effect === "invalid" ? "INVALID" : "INCONCLUSIVE";
  return [
    text(id),
    wrapped(text(what)),
    number(value),
    { html: text(checkLimits(check)), className: "c" },
    left(`<span class="${colour}">${text(checkWord(check))}</span>`),
  ];
}
