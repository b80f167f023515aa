import type { Cell } from "./cell.ts";
import { checkCells } from "./cells/checks.ts";
import { rateCells } from "./cells/rates.ts";
import { tailCells } from "./cells/tails.ts";
import { courseCells, typicalCells } from "./cells/typical.ts";
import { verdictCells } from "./cells/verdicts.ts";
import type { Form } from "./forms.ts";

/** All that is simulated, in the order of the tables. */
export const cells: readonly Cell[] = [
  ...typicalCells,
  ...courseCells,
  ...tailCells,
  ...verdictCells,
  ...rateCells,
  ...checkCells,
];

/** Cells whose bars are far from what is found: few runs tell. */
const few: ReadonlySet<string> = new Set([
  "load 5 s: margin of ttft.typical",
  "load 5 s: equal",
  "load 5 s: 1.3x",
  "nothing streamed: whole answers 5.7x",
  "35 % streamed and equal: whole answers 3x",
  "4.5 % of twins never come",
]);

/** The cells of a form; with names, those whose own has one of them in it. */
export function cellsOf(form: Form["cells"], names: readonly string[] = [""]): readonly Cell[] {
  return cells.filter((cell) => isIn(form, cell) && names.some((name) => cell.name.includes(name)));
}

function isIn(form: Form["cells"], cell: Cell): boolean {
  if (form === "few") return few.has(cell.name);
  return form === "all" || (hasBars(cell) && cell.isLong !== true);
}

/** Whether something is demanded of a cell. */
function hasBars({ claim }: Cell): boolean {
  if (claim.kind === "worse") return Object.keys(claim).length > 1;
  if (claim.kind === "margin") return claim.isStationary;
  return claim.kind !== "shown";
}
