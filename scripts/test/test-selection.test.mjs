import { describe, expect, test } from "@jest/globals";
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
  test("all: what measures times comes last, and alone", () => {
    const [first, timed, ...more] = runsOf([]);
    expect(more).toEqual([]);
    expect(timed).toEqual([first?.at(-1), "--runInBand"]);
    expect(first).toContain("--testPathIgnorePatterns");
  });

  test("one kind, narrowed by a file of it, and by a pattern alone", () => {
    expect(runsOf(["unit"])).toEqual([["packages/", "scripts/", "sim/test/", "testing/"]]);
    expect(runsOf(["unit", "packages/grpc"])).toEqual([["packages/grpc"]]);
    expect(runsOf(["e2e", "e2e/up.test.ts"])).toEqual([["e2e/up.test.ts"]]);
    expect(runsOf(["pool"])).toEqual([["pool"]]);
  });
});
