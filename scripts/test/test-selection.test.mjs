import { describe, expect, test } from "@jest/globals";
import { coverageRun, schedulerTests } from "../scheduler-coverage.mjs";
import * as selection from "../test-selection.mjs";

const { needsBuild } = selection;
const runsOf = (given) => selection.runsOf(given).map(({ args }) => args);

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
    [["packages/scheduler/", "--maxWorkers=1"], false],
    [["pool", "--maxWorkers=1"], true],
    [["packages/scheduler/test/no-such.test.ts"], true],
    [["("], true],
    [["-t", "refuses"], true],
    [["-t", "packages/scheduler"], true],
    [["--testNamePattern", "hello"], true],
    [["--silent", "false"], true],
    [["--silent", "e2e/up.test.ts", "packages/scheduler"], true],
    [["packages/scheduler", "-t", "refuses"], true],
    [["packages/scheduler", "-t=refuses"], false],
  ])("%j: %j", (args, want) => {
    expect(needsBuild(args)).toBe(want);
  });
});

describe("the runs of Jest", () => {
  test("all: the scheduler's with its coverage; last what holds limits of time, at most four files at once", () => {
    const [covered, most, timed, ...more] = runsOf([]);
    expect(more).toEqual([]);
    expect(covered).toEqual(coverageRun("text-summary"));
    expect(most).toEqual(expect.arrayContaining(["--testPathIgnorePatterns", schedulerTests]));
    expect(timed).toEqual([most?.at(-1), "--maxWorkers=4"]);
  });

  test("each has a title of its own, which says where it failed", () => {
    const titles = selection.runsOf([]).map(({ title }) => title);
    expect(titles).toEqual(["the scheduler", "the main run", "the timed group"]);
  });

  test("end-to-end tests cover nothing by themselves", () => {
    const [most, timed, ...more] = runsOf(["e2e"]);
    expect(more).toEqual([]);
    expect([most?.[0], timed?.at(-1)]).toEqual(["e2e/", "--maxWorkers=4"]);
  });

  test("coverage asks for every test of the scheduler", () => {
    const names = (args) => runsOf(args).filter((each) => each.includes("--coverage"));
    expect(names(["unit"])).toHaveLength(1);
    expect(names(["unit", "--maxWorkers=1"])).toHaveLength(1);
    for (const some of [["unit", "-t=pool"], ["packages/scheduler"], ["unit", "--onlyChanged"]])
      expect(names(some)).toEqual([]);
  });

  test("one kind: its folders", () => {
    expect(runsOf(["unit"]).at(-1)?.slice(0, 4)).toEqual([
      ...["packages/", "scripts/", "sim/test/", "testing/"],
    ]);
  });

  const notE2e = ["/node_modules/", "/.cache/", "<rootDir>/e2e/"];
  const e2eOnly = [
    ...["/node_modules/", "/.cache/", "<rootDir>/packages/", "<rootDir>/scripts/"],
    ...["<rootDir>/sim/test/", "<rootDir>/testing/"],
  ];
  test.each([
    [["unit", "packages/grpc"], ["packages/grpc"], notE2e],
    [["unit", "metrics-page"], ["metrics-page"], notE2e],
    [["unit", "-t", "refuses", "metrics-page"], ["-t", "refuses", "metrics-page"], notE2e],
    [["unit", "pool", "--silent", "false"], ["pool", "--silent", "false"], notE2e],
    [["unit", "--testPathPatterns=pool"], ["--testPathPatterns=pool"], notE2e],
    [["e2e", "e2e/up.test.ts"], ["e2e/up.test.ts"], e2eOnly],
    [["e2e", "verdict"], ["verdict"], e2eOnly],
  ])("%j: the given patterns alone, and none of the other kind", (args, patterns, ignored) => {
    expect(runsOf(args)).toEqual([[...patterns, "--testPathIgnorePatterns", ...ignored]]);
  });

  test("a pattern without a kind: of both", () => {
    expect(runsOf(["pool"])).toEqual([["pool"]]);
  });

  test.each([
    [["-t", "refuses"]],
    [["e2e", "--testNamePattern", "hello"]],
    [["--silent", "false"]],
  ])(
    "%j: an option's value narrows no files, so that what holds limits of time still runs last",
    (args) => {
      const [, timed] = runsOf(args).slice(-2);
      expect(timed?.at(-1)).toBe("--maxWorkers=4");
    },
  );
});
