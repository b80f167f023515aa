import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { outcomeOf, runJest, summaryOf } from "../jest-run.mjs";
import { coverageRun } from "../scheduler-coverage.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const reporter = join(root, "scripts/jest-tally-reporter.mjs");
mkdirSync(join(root, ".cache"), { recursive: true });
/** A project in small: one test, and a file that it covers in part. */
const project = mkdtempSync(join(root, ".cache", "jest-run-"));

beforeAll(() => {
  const write = (path, text) => {
    mkdirSync(join(project, path, ".."), { recursive: true });
    writeFileSync(join(project, path), text);
  };
  const config = { transform: {}, reporters: [[reporter, {}]], testMatch: ["**/*.test.mjs"] };
  write("jest.config.json", JSON.stringify(config));
  write(
    "packages/scheduler/src/sign.ts",
    'export const sign = (n: number) => (n < 0 ? "-" : "+");\n',
  );
  write(
    "packages/scheduler/test/sign.test.mjs",
    [
      'import { mkdtempSync, writeFileSync } from "node:fs";',
      'import { tmpdir } from "node:os";',
      'import { join } from "node:path";',
      'import { sign } from "../src/sign.ts";',
      'test("of 1", () => expect(sign(1)).toBe("+"));',
      'writeFileSync("left", mkdtempSync(join(tmpdir(), "left-")));',
    ].join("\n"),
  );
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

function run(args) {
  const jest = createRequire(import.meta.url).resolve("jest/bin/jest");
  const { TALLY_FILE: _, ...env } = process.env;
  const options = { node: process.execPath, jest, cwd: project, env };
  return runJest([...args, "--silent", "--runInBand"], options);
}

describe("a run of Jest", () => {
  test("whose coverage is below 100 % failed, at a file and a line", () => {
    const { counts, reason } = run(coverageRun("none"));
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 0 });
    expect(reason).toBe("coverage below 100 %: packages/scheduler/src/sign.ts:1");
  });

  test("leaves no temporary files", () => {
    expect(run(["sign"]).counts).toEqual({ passed: 1, failed: 0, skipped: 0 });
    const folder = readFileSync(join(project, "left"), "utf8");
    expect(basename(folder)).toMatch(/^left-/);
    expect(existsSync(folder)).toBe(false);
  });

  test("that finds no test failed before its tests", () => {
    const { counts, files, reason } = run(["no-such-test"]);
    expect({ counts, files }).toEqual({ counts: { passed: 0, failed: 1, skipped: 0 }, files: [] });
    expect(reason).toBe("Jest ended before its tests: see its message above");
  });
});

describe("why a run failed", () => {
  const files = [{ file: "a.test.ts", ms: 1 }];
  const passed = { counts: { passed: 2, failed: 0, skipped: 1 }, files };
  const failed = { counts: { passed: 2, failed: 3, skipped: 1 }, files };
  const ended = { status: 1, signal: null, tally: passed, uncovered: [] };

  test.each([
    { name: "it did not", end: { ...ended, status: 0 }, failures: 0, reason: undefined },
    { name: "tests", end: { ...ended, tally: failed }, failures: 3, reason: "3 tests failed" },
    {
      name: "tests, without which nothing is covered",
      end: { ...ended, tally: failed, uncovered: ["a.ts:1"] },
      failures: 3,
      reason: "3 tests failed",
    },
    {
      name: "its coverage",
      end: { ...ended, uncovered: ["a.ts:1", "b.ts:2"] },
      failures: 1,
      reason: "coverage below 100 %: a.ts:1, b.ts:2",
    },
    {
      name: "a signal",
      end: { ...ended, status: null, signal: "SIGKILL", tally: undefined },
      failures: 1,
      reason: "Jest was ended by SIGKILL",
    },
    {
      name: "what it alone knows",
      end: ended,
      failures: 1,
      reason: "Jest exited with 1 though no test failed: see its message above",
    },
  ])("$name", ({ end, failures, reason }) => {
    const outcome = outcomeOf(end);
    expect({ failures: outcome.counts.failed, reason: outcome.reason }).toEqual({
      failures,
      reason,
    });
  });
});

test("the last line counts what failed, and those before it say where and why", () => {
  const counts = { passed: 5, failed: 0, skipped: 1 };
  const outcomes = [
    {
      title: "the scheduler",
      counts: { ...counts, failed: 1 },
      reason: "coverage below 100 %: a.ts:1",
    },
    { title: "the main run", counts },
  ];
  expect(summaryOf(outcomes)).toBe(
    "FAILED the scheduler: coverage below 100 %: a.ts:1\n10 passed, 1 failed, 2 skipped\n",
  );
});
