import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { nightTest } from "../../testing/night-test.ts";
import { cellsOf } from "../evaluation/cells.ts";
import { codeHash } from "../evaluation/code-hash.ts";
import { openKeptRuns } from "../evaluation/kept-runs.ts";
import { runCells } from "../evaluation/run.ts";

const seed = 1;
const origin = { seed, code: "a" };
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
    await runCells({ ...options, runs: 1, kept: openKeptRuns(path, origin) });
    const resumed = await runCells({ ...options, runs: 2, kept: openKeptRuns(path, origin) });
    const fresh = await runCells({ ...options, runs: 2 });
    expect(resumed[0]?.runs).toBe(8);
    expect(resumed[0]?.verdicts).toEqual(fresh[0]?.verdicts);
    expect(done).toEqual([4, 4, 8, 8]);
    const [shown] = await runCells({ ...options, runs: 0, kept: openKeptRuns(path, origin) });
    expect(shown?.runs).toBe(8);
    expect(done).toHaveLength(4);
  }, 120_000);

  nightTest(
    "a job that ended early is simulated again, and each of its runs counts once",
    async () => {
      const path = join(folder, "runs.ndjson");
      const options = { wanted, seed, jobs: 1, runs: 1 };
      const [fresh] = await runCells({ ...options, kept: openKeptRuns(path, origin) });
      const name = wanted[0]?.name ?? "";
      const all = [...openKeptRuns(path, origin).runsOf(name).values()];
      const shorter = join(folder, "shorter.ndjson");
      openKeptRuns(shorter, origin).add(name, 0, all.slice(0, 2));
      const kept = openKeptRuns(shorter, origin);
      expect([kept.has(name, 0, 2), kept.has(name, 0, 4), kept.has(name, 1, 3)]).toEqual([
        ...[true, false, false],
      ]);
      const [resumed] = await runCells({ ...options, kept });
      expect(resumed?.runs).toBe(4);
      expect(resumed?.verdicts).toEqual(fresh?.verdicts);
      expect([...openKeptRuns(shorter, origin).runsOf(name).values()]).toEqual(all);
    },
    120_000,
  );

  test("a line that was half written is cut off", () => {
    const path = join(folder, "runs.ndjson");
    openKeptRuns(path, origin).add("a cell", 0, []);
    appendFileSync(path, '{"cell":"a cell","from":4,"ru');
    openKeptRuns(path, origin).add("another cell", 4, []);
    const lines = readFileSync(path, "utf8").trimEnd().split("\n").slice(1);
    expect(lines.map((line) => (JSON.parse(line) as { cell: string }).cell)).toEqual([
      ...["a cell", "another cell"],
    ]);
  });

  test.each([
    { name: "another seed", other: { seed: 2, code: "a" }, message: "has no runs of seed 2" },
    { name: "a longer seed", other: { seed: 11, code: "a" }, message: "has no runs of seed 11" },
    { name: "other code", other: { seed: 1, code: "b" }, message: "has runs of other code" },
  ])("of $name are refused", ({ other, message }) => {
    const path = join(folder, "runs.ndjson");
    openKeptRuns(path, origin);
    expect(() => openKeptRuns(path, other)).toThrow(message);
  });

  test("without a hash of the code, as older versions wrote them, are refused", () => {
    const path = join(folder, "runs.ndjson");
    writeFileSync(path, '{"simulation":"evaluation","seed":1}\n');
    expect(() => openKeptRuns(path, origin)).toThrow("has runs of other code");
  });

  test("the hash of the code is that of 64 bits, and the same each time", () => {
    expect(codeHash()).toMatch(/^[0-9a-f]{16}$/);
    expect(codeHash()).toBe(codeHash());
  });
});
