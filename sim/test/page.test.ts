import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { cellsOf } from "../evaluation/cells.ts";
import { forms, isFormName } from "../evaluation/forms.ts";
import { everyTable } from "../evaluation/tables/all.ts";
import { barTable } from "../evaluation/tables/bars.ts";
import { pageOf } from "../evaluation/tables/page.ts";
import { createTally, type Tally } from "../evaluation/tally.ts";
import { units } from "../outputs/scenarios.ts";
import { outputScenarios, outputsTable } from "../outputs/table.ts";

const page = readFileSync(new URL("../../docs/evaluation-errors.md", import.meta.url), "utf8");

const [, form = ""] = /^Form `(\w+)`/m.exec(page) ?? [];

/** A run of each cell of the page's form: what stands around the numbers does not depend on them. */
const tallies = (isFormName(form) ? cellsOf(forms[form].cells) : []).map((cell): Tally => {
  const tally = createTally(cell);
  tally.runs = 1;
  tally.verdicts.INCONCLUSIVE = 1;
  return tally;
});

/** Lines of a table: those between bars. */
const rowsOf = (text: string) => text.split("\n").filter((line) => line.startsWith("| "));
const start = (row: string, columns: number) => row.split(" | ").slice(0, columns).join(" | ");

describe("docs/evaluation-errors.md", () => {
  test("is the command's own page: introduction, form and seed", () => {
    const [introduction = ""] = pageOf("Form", []).split("\nForm");
    expect(page.startsWith(introduction)).toBe(true);
    expect(page).toMatch(/^Form `\w+`, seed \d+, (\d+|as many) evaluations of a cell/m);
  });

  test("has every table with the columns that are printed now", () => {
    const heads = everyTable(tallies, outputsTable([], { runs: 1, seed: 1 })).map(
      ({ title, columns }) => `## ${title}\n${columns.length}`,
    );
    const found = [...page.matchAll(/^## (.*)\n\n.*\n\n\| (.*) \|$/gm)].map(
      ([, title, columns]) => `## ${title}\n${columns?.split(" | ").length}`,
    );
    expect(heads).toEqual(expect.arrayContaining(found));
    expect(found.length).toBeGreaterThan(5);
  });

  test("has every row about what answers say that is simulated now", () => {
    const [, answers = ""] = page.split("\n## Gates about what answers say\n");
    const found = rowsOf(answers.split("\n## ")[0] ?? "")
      .slice(2)
      .map((row) => start(row, 3));
    const expected = outputScenarios().flatMap(({ gate, name }) =>
      units.map((unit) => `| ${gate} | ${name} | ${unit.name}`),
    );
    expect(found).toEqual(expected);
  });

  test("has every bar with the demand that is made now", () => {
    const expected = barTable(tallies).rows.map(([cell, demand]) => `| ${cell} | ${demand}`);
    const [, bars = ""] = page.split("\n## Bars\n");
    const found = rowsOf(bars)
      .slice(2)
      .map((row) => start(row, 2));
    // What an interrupt left out is not there.
    const isWhole = !page.includes(", interrupted.");
    expect(found).toEqual(expected.filter((row) => isWhole || found.includes(row)));
    expect(found.length).toBeGreaterThan(expected.length / 2);
  });
});
