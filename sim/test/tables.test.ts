import { describe, expect, test } from "@jest/globals";
import { cells } from "../evaluation/cells.ts";
import { everyTable, tablesOf } from "../evaluation/tables/all.ts";
import { createTally, type Tally } from "../evaluation/tally.ts";

/** One run of each cell with such a name, in which no gate was judged. */
function tallies(isRun: (name: string) => boolean): readonly Tally[] {
  return cells
    .filter(({ name }) => isRun(name))
    .map((cell) => Object.assign(createTally(cell), { runs: 1 }));
}

const tableOf = (title: string, of: readonly Tally[]) =>
  everyTable(of).find((table) => table.title.startsWith(title));

describe("tables", () => {
  test("tell what was not run from what was not decided", () => {
    const table = tableOf(
      "Time to decision",
      tallies((name) => name === "load 5 s: equal" || name === "load 20 s: 1.25x"),
    );
    const rowOf = (kind: string) => table?.rows.find(([name]) => name === kind)?.slice(1);
    expect(rowOf("load 5 s")).toEqual([..."––––", ...Array(4).fill("not run")]);
    expect(rowOf("load 20 s")).toEqual([...Array(4).fill("not run"), ..."––––"]);
  });

  test("leave out columns of which nothing was run", () => {
    const columns = (of: readonly Tally[]) =>
      tableOf("Equal lanes", of)?.columns.filter((name) => name.startsWith("1.25x"));
    expect(columns(tallies((name) => name.endsWith(": equal")))).toEqual([]);
    expect(columns(tallies((name) => /: (equal|1\.25x)$/.test(name)))).toHaveLength(2);
  });

  test("leave out rows of which nothing was run, and keep the column of text", () => {
    const shown = tablesOf(tallies((name) => name === "load 5 s: equal"));
    const equal = shown.find(({ title }) => title.startsWith("Equal lanes"));
    expect(equal?.columns.slice(0, 3)).toEqual(["traffic", "runs", "Umbra"]);
    expect(equal?.rows.map((row) => row.slice(0, 3))).toEqual([["load 5 s", "1", "–"]]);
    const whole = shown.find(({ title }) => title.startsWith("Whole verdicts"));
    expect(whole?.columns[whole.text?.[0] ?? 0]).toBe("why");
  });
});
