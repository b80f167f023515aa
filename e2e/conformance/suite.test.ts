import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { reportLines, runSuite, type TestResult } from "./suite.ts";

/** Writes what a suite's binary writes, and its report with the options that it was given. */
const scripted = `#!${process.execPath}
const { readFileSync, writeFileSync } = require("node:fs");
const file = process.argv.find((each) => each.startsWith("-conformance-options-file=")).split("=")[1];
const report = /reportOutputPath: (.+)/.exec(readFileSync(file, "utf8"))[1];
writeFileSync(report, \`profiles:
- name: GATEWAY-HTTP
  core: {result: failure, statistics: {Passed: 2, Failed: 1, Skipped: 0}}
  extended: {result: success, statistics: {Passed: 3, Failed: 0, Skipped: 4}}
\`);
console.log(\`=== RUN   TestConformance
=== RUN   TestConformance/Weights
--- FAIL: TestConformance (3.00s)
    --- PASS: TestConformance/Weights (1.25s)
        --- FAIL: TestConformance/Weights/inner (0.10s)
    --- FAIL: TestConformance/Hosts (0.50s)
    --- SKIP: TestConformance/Mesh (0.00s)
FAIL\`);
process.exitCode = 1;
`;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "umbra-suite-"));
  writeFileSync(join(folder, "scripted.test"), scripted, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("each test of a suite has one result, whatever its subtests", async () => {
  const told: TestResult[] = [];
  const run = await runSuite({
    ...{ program: join(folder, "scripted.test"), kubeconfig: "none", folder },
    options: { gatewayClassName: "umbra" },
    onResult: (result) => told.push(result),
  });
  expect(run.status).toBe(1);
  expect(run.results).toEqual([
    { name: "Weights", outcome: "PASS", seconds: 1.25 },
    { name: "Hosts", outcome: "FAIL", seconds: 0.5 },
    { name: "Mesh", outcome: "SKIP", seconds: 0 },
  ]);
  expect(told).toEqual(run.results);
  expect(parse(readFileSync(join(folder, "options.yaml"), "utf8"))).toEqual({
    gatewayClassName: "umbra",
    reportOutputPath: run.report,
  });
  expect(reportLines(run.report)).toEqual([
    "report: GATEWAY-HTTP core: 2 passed, 1 failed, 0 skipped",
    "report: GATEWAY-HTTP extended: 3 passed, 0 failed, 4 skipped",
  ]);
  expect(reportLines(join(folder, "none.yaml"))).toEqual(["the suite has written no report"]);
}, 30_000);
