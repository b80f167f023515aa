import type { SideRow } from "../cost-words.ts";
import { text } from "./escape.ts";
import { table } from "./table.ts";

/** Table of both lanes side by side; empty without rows. */
export function sidesTable(caption: string, rows: readonly SideRow[]): string {
  if (rows.length === 0) return "";
  const hasChange = rows.some(([, , , change]) => change !== "");
  return table({
    caption: text(caption),
    columns: [
      '<span class="hidden">what</span>',
      "primary",
      "shadow",
      ...(hasChange ? ["change"] : []),
    ],
    rows: rows.map(([what, primary, shadow, change]) => [
      text(what),
      text(primary),
      text(shadow),
      ...(hasChange ? [text(change)] : []),
    ]),
    className: "narrow",
  });
}
