import { describe, expect, test } from "@jest/globals";
import { createRandom } from "@umbra/shadow/statistics";
import { judgeRun } from "../outputs/judge-run.ts";
import { isKept, type Scenario, type Unit } from "../outputs/scenarios.ts";

const single: Unit = { name: "single requests", turns: 1 };
const sessions: Unit = { name: "sessions of 4", turns: 4 };
const broken: Scenario = {
  ...{ gate: "out.toolBad", name: "broken", primary: 0, shadow: 0.2 },
  bar: { of: "found", share: 0.8 },
};

describe("the simulation of gates about answers", () => {
  test.each([
    { gate: "out.toolBad", shadow: 0.2, unit: single, want: "FAIL" },
    { gate: "out.refusal", shadow: 0.2, unit: sessions, want: "FAIL" },
    { gate: "out.exact", shadow: 0.3, unit: sessions, want: "FAIL" },
    { gate: "out.toolBad", shadow: 0, unit: single, want: "PASS" },
  ] as const)("$gate of a shadow that is bad in $shadow: $want", ({ gate, shadow, unit, want }) => {
    const scenario = { ...broken, gate, shadow };
    expect(judgeRun(createRandom(1), scenario, unit)).toBe(want);
  });

  test.each([
    { of: "false PASS", counts: { PASS: 3, FAIL: 0, runs: 100 }, unit: single, want: true },
    { of: "false PASS", counts: { PASS: 50, FAIL: 0, runs: 100 }, unit: sessions, want: false },
    { of: "false FAIL", counts: { PASS: 0, FAIL: 50, runs: 100 }, unit: single, want: false },
    { of: "found", counts: { PASS: 0, FAIL: 90, runs: 100 }, unit: single, want: true },
    { of: "found", counts: { PASS: 0, FAIL: 10, runs: 100 }, unit: single, want: false },
    { of: "found", counts: { PASS: 0, FAIL: 10, runs: 100 }, unit: sessions, want: undefined },
  ] as const)("a bar of $of with $counts: $want", ({ of, counts, unit, want }) => {
    const share = of === "found" ? 0.8 : 0.06;
    expect(isKept({ ...broken, bar: { of, share } }, unit, counts)).toBe(want);
  });
});
