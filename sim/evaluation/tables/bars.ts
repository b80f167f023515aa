import { type Bar, barsOf } from "../bars.ts";
import type { Tally } from "../tally.ts";
import type { Table } from "./table.ts";

/** All demands, with what was found. */
export function barTable(tallies: readonly Tally[]): Table {
  const bars = tallies.flatMap((tally) => barsOf(tally).map((bar) => rowOf(bar)));
  return {
    title: "Bars",
    note: "Every demand on the verdict. Missed: by more than two standard errors of the simulation; near: on the wrong side, within them.",
    columns: ["cell", "demand", "found", "interval", "bar"],
    rows: bars,
    text: [1, 4],
  };
}

function rowOf({ cell, demand, found, error, status }: Bar): readonly string[] {
  return [cell, demand, found, error, status];
}
