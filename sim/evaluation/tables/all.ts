import type { Tally } from "../tally.ts";
import { barTable } from "./bars.ts";
import { otherMarginsTable, sloTable, tailTable } from "./gates.ts";
import { notRun, resultsOf } from "./results.ts";
import type { Table } from "./table.ts";
import { courseTable, equalTable, marginTable, timeTable } from "./typical.ts";
import { checkTable, verdictTable } from "./verdicts.ts";

/** All tables that have rows, in the order of print. `answers`: the one about what answers say. */
export function tablesOf(tallies: readonly Tally[], answers?: Table): readonly Table[] {
  return everyTable(tallies, answers)
    .map(withoutEmptyRows)
    .filter(({ rows }) => rows.length > 0);
}

/** All tables, also those without rows that were simulated. */
export function everyTable(tallies: readonly Tally[], answers?: Table): readonly Table[] {
  const results = resultsOf(tallies);
  const made = [
    marginTable,
    equalTable,
    timeTable,
    courseTable,
    tailTable,
    otherMarginsTable,
    sloTable,
    verdictTable,
    checkTable,
  ].map((make) => make(results));
  return [...made, ...(answers === undefined ? [] : [answers]), barTable(tallies)].map(
    withoutEmptyColumns,
  );
}

/** Of what was not simulated there is nothing to show. */
function withoutEmptyRows(table: Table): Table {
  const isKnown = (cells: readonly string[]) => cells.slice(1).some((cell) => cell !== notRun);
  return { ...table, rows: table.rows.filter(isKnown) };
}

function withoutEmptyColumns(table: Table): Table {
  const { columns, rows, text = [] } = table;
  const isKnown = (at: number) => rows.length === 0 || rows.some((row) => row[at] !== notRun);
  const kept = columns.flatMap((_, at) => (isKnown(at) ? [at] : []));
  const only = (cells: readonly string[]) => kept.map((at) => cells[at] ?? "");
  return {
    ...table,
    columns: only(columns),
    rows: rows.map(only),
    text: text.map((at) => kept.indexOf(at)),
  };
}
