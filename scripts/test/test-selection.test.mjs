import { describe, expect, test } from "@jest/globals";
import { coverageRun, schedulerTests } from "../scheduler-coverage.mjs";
import { needsBuild, runsOf } from "../test-selection.mjs";

const e2eFiles = ["e2e/up.test.ts", "e2e/gateway-api/filters.test.ts"];

describe("what is built before a run", () => {
  test.each([
    [[], true],
    [["unit"], false],
    [["e2e"], true],
    [["packages/scheduler/test/pool.test.ts"], false],
    [["unit", "up"], false],
    [["up.test"], true],
    [["GATEWAY-API"], true],
    [["packages/scheduler", "e2e/up"], true],
    [["--testMatch", "<rootDir>/e2e/timers.slow.ts"], true],
    [["--maxWorkers=1"], true],
    [["pool", "--maxWorkers=1"], false],
    [["("], true],
  ])("%j: %j", (args, want) => {
    expect(needsBuild(args, e2eFiles)).toBe(want);
  });
});

describe("the runs of Jest", () => {
  test("all: the scheduler's with its coverage; last what measures times, at most two files at once, then one", () => {
    const [covered, most, paired, alone, ...more] = runsOf([]);
    expect(more).toEqual([]);
    expect(covered).toEqual(coverageRun("text-summary"));
    expect(most).toEqual(expect.arrayContaining(["--testPathIgnorePatterns", schedulerTests]));
    expect(paired).toEqual([most?.at(-2), "--maxWorkers=2"]);
    expect(alone).toEqual([most?.at(-1), "--runInBand"]);
  });

  test("end-to-end tests cover nothing by themselves", () => {
    const [most, paired, alone, ...more] = runsOf(["e2e"]);
    expect(more).toEqual([]);
    expect([most?.[0], paired?.at(-1), alone?.at(-1)]).toEqual([
      ...["e2e/", "--maxWorkers=2", "--runInBand"],
    ]);
  });

  test("coverage asks for every test of the scheduler", () => {
    const names = (args) => runsOf(args).filter((each) => each.includes("--coverage"));
    expect(names(["unit"])).toHaveLength(1);
    expect(names(["unit", "--maxWorkers=1"])).toHaveLength(1);
    for (const some of [["unit", "-t=pool"], ["packages/scheduler"], ["unit", "--onlyChanged"]])
      expect(names(some)).toEqual([]);
  });

  test("one kind, narrowed by a file of it, and by a pattern alone", () => {
    expect(runsOf(["unit"]).at(-1)?.slice(0, 4)).toEqual([
      ...["packages/", "scripts/", "sim/test/", "testing/"],
    ]);
    expect(runsOf(["unit", "packages/grpc"])).toEqual([["packages/grpc"]]);
    expect(runsOf(["e2e", "e2e/up.test.ts"])).toEqual([["e2e/up.test.ts"]]);
    expect(runsOf(["pool"])).toEqual([["pool"]]);
  });
});
