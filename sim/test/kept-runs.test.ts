import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { cellsOf } from "../evaluation/cells.ts";
import { openKeptRuns } from "../evaluation/kept-runs.ts";
import { runCells } from "../evaluation/run.ts";

const seed = 1;
const wanted = cellsOf("all", ["load 5 s: margin of ttft.typical"]);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kept-runs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("kept runs", () => {
  test("are taken over: what is there is not simulated again, and the result is the same", async () => {
    const path = join(folder, "runs.ndjson");
    const done: number[] = [];
    const onProgress = ({ all }: { all: number }) => done.push(all);
    const options = { wanted, seed, jobs: 1, onProgress };
    await runCells({ ...options, runs: 1, kept: openKeptRuns(path, seed) });
    const resumed = await runCells({ ...options, runs: 2, kept: openKeptRuns(path, seed) });
    const fresh = await runCells({ ...options, runs: 2 });
    expect(resumed[0]?.runs).toBe(8);
    expect(resumed[0]?.verdicts).toEqual(fresh[0]?.verdicts);
    expect(done).toEqual([4, 4, 8, 8]);
    const [shown] = await runCells({ ...options, runs: 0, kept: openKeptRuns(path, seed) });
    expect(shown?.runs).toBe(8);
    expect(done).toHaveLength(4);
  }, 120_000);

  test("a line that was half written is cut off", () => {
    const path = join(folder, "runs.ndjson");
    openKeptRuns(path, seed).add("a cell", 0, []);
    appendFileSync(path, '{"cell":"a cell","from":4,"ru');
    const kept = openKeptRuns(path, seed);
    expect([kept.has("a cell", 0), kept.has("a cell", 4)]).toEqual([true, false]);
    kept.add("a cell", 4, []);
    expect(openKeptRuns(path, seed).has("a cell", 4)).toBe(true);
  });

  test("of another seed are refused", () => {
    const path = join(folder, "runs.ndjson");
    openKeptRuns(path, 1);
    expect(() => openKeptRuns(path, 2)).toThrow("has no runs of seed 2");
  });
});
