import { cells } from "../cells.ts";
import type { Tally } from "../tally.ts";
import { medianTime, type Results, share } from "./results.ts";
import type { Table } from "./table.ts";

/** Whole verdicts: all gates and checks. */
export function verdictTable(results: Results): Table {
  const shown = cells.filter(
    ({ table, claim }) =>
      table === "verdicts" || table === "course" || (table !== "checks" && claim.kind !== "margin"),
  );
  return {
    title: "Whole verdicts, %",
    note: "All required gates and all checks. Decided: median time of PASS and FAIL, in s. Last column: required gates that stayed undecided or failed, and checks that failed, with their share of runs.",
    columns: ["truth", "runs", "pairs", "PASS", "FAIL", "INCONCL.", "INVALID", "decided", "why"],
    rows: rowsOf(shown.map(({ name }) => results.get(name))),
    text: [8],
  };
}

/** Experiments that the checks judge. */
export function checkTable(results: Results): Table {
  const shown = cells.filter(({ table }) => table === "checks");
  return {
    title: "Checks of the experiment, %",
    note: "All but the last are sound: none of them may be INVALID.",
    columns: [
      "experiment",
      "runs",
      "pairs",
      "PASS",
      "FAIL",
      "INCONCL.",
      "INVALID",
      "decided",
      "why",
    ],
    rows: rowsOf(shown.map(({ name }) => results.get(name))),
    text: [8],
  };
}

function rowsOf(tallies: readonly (Tally | undefined)[]): readonly (readonly string[])[] {
  return tallies.flatMap((tally) => (tally === undefined ? [] : [rowOf(tally)]));
}

function rowOf(tally: Tally): readonly string[] {
  const { cell, runs, pairs, verdicts, decidedAtS } = tally;
  const of = (count: number) => share(count, runs);
  return [
    cell.name,
    String(runs),
    (pairs / runs).toFixed(0),
    of(verdicts.PASS),
    of(verdicts.FAIL),
    of(verdicts.INCONCLUSIVE),
    of(verdicts.INVALID),
    `${medianTime(decidedAtS.PASS, runs)} / ${medianTime(decidedAtS.FAIL, runs)}`,
    whyOf(tally),
  ];
}

/** What under a twentieth of the runs had is left out. */
const leastShare = 0.05;

function whyOf({ gates, checks, runs }: Tally): string {
  const found = [
    ...[...gates].flatMap(([id, { undecided, statuses }]) => [
      { text: id, count: undecided },
      { text: `${id} FAIL`, count: statuses.FAIL },
    ]),
    ...[...checks].flatMap(([id, { effect, runs: count }]) =>
      effect === "warning" ? [] : [{ text: `check ${id}`, count }],
    ),
  ];
  return found
    .filter(({ count }) => count >= leastShare * runs)
    .toSorted((a, b) => b.count - a.count)
    .map(({ text, count }) => `${text} ${share(count, runs)}`)
    .join(", ");
}
