import { describe, expect, test } from "@jest/globals";
import { nightTest } from "../../testing/night-test.ts";
import { testSize } from "../../testing/test-size.ts";
import { barsOf } from "../evaluation/bars.ts";
import { cellsOf } from "../evaluation/cells.ts";
import { forms } from "../evaluation/forms.ts";
import { type Progress, runCells } from "../evaluation/run.ts";
import { tablesOf } from "../evaluation/tables/all.ts";
import type { Tally } from "../evaluation/tally.ts";

const seed = 1;
const cheap = cellsOf("all", ["load 5 s: margin of t"]).slice(0, 2);

const countsOf = (tallies: readonly Tally[]) =>
  tallies.map(({ cell, runs, pairs, verdicts }) => ({ name: cell.name, runs, pairs, ...verdicts }));

describe("runs", () => {
  test("are the same on one thread and on two, and count down", async () => {
    const seen: Progress[] = [];
    const onProgress = (progress: Progress) => seen.push(progress);
    const runs = testSize(1, 2);
    const one = await runCells({ wanted: cheap, runs, seed, jobs: 1, onProgress });
    const two = await runCells({ wanted: cheap, runs, seed, jobs: 2 });
    expect(countsOf(one)).toEqual(countsOf(two));
    expect(tablesOf(one)).toEqual(tablesOf(two));
    expect(seen.at(-1)).toMatchObject({ done: 8 * runs, all: 8 * runs, leftMs: 0 });
  }, 120_000);

  test("that are interrupted leave what is there", async () => {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    const { signal } = stop;
    const tallies = await runCells({ wanted: cheap, runs: 4, seed, jobs: 1, signal, onProgress });
    expect(tallies.map(({ runs }) => runs)).toEqual([4, 0]);
  }, 120_000);
});

/** The one-minute form: few cells, whose bars are far from what is found. */
nightTest(
  "the verdicts keep their bars",
  async () => {
    const { cells, runs } = forms.minute;
    const tallies = await runCells({ wanted: cellsOf(cells), runs, seed, jobs: 2 });
    const bars = tallies.flatMap(barsOf);
    expect(bars.length).toBeGreaterThanOrEqual(8);
    expect(bars.filter(({ status }) => status === "missed")).toEqual([]);
  },
  600_000,
);
