import type { ValidityCheck } from "../../../report/shadow-report.ts";
import { checkLimits, checkWord } from "../../check-words.ts";
import { number } from "../../format.ts";
import { text, unbroken } from "../escape.ts";
import { type Cell, left, table, wrapped } from "../table.ts";

/** Whether the experiment itself is sound. */
export function validitySection(checks: readonly ValidityCheck[]): string {
  const allowed = { html: "allowed", className: "c" };
  const columns = ["check", left("result"), left("what"), "found", allowed];
  return `<section aria-labelledby="validity"><h2 id="validity">Is the experiment sound?</h2>
${table({ caption: "A broken experiment has no verdict, regardless of its gates.", columns, rows: checks.map(row), className: "checks" })}</section>`;
}

function row(check: ValidityCheck): readonly Cell[] {
  const { id, text: what, value, ok, effect } = check;
  const colour =
    ok === null ? "soft" : ok ? "PASS" : effect === "invalid" ? "INVALID" : "INCONCLUSIVE";
  const note = check.note ?? null;
  return [
    unbroken(id),
    wrapped(`<span class="${colour}">${text(checkWord(check))}</span>`),
    {
      html: `${text(what)}${note === null ? "" : `<small>${text(note)}</small>`}`,
      className: "l wrap what",
    },
    number(value),
    { html: text(checkLimits(check)), className: "c" },
  ];
}
