import { describe, expect, test } from "@jest/globals";
import { createRandom } from "@umbra/shadow/statistics";
import { judgeRun } from "../outputs/judge-run.ts";
import { isKept, type Scenario, type Unit } from "../outputs/scenarios.ts";
import { outputScenarios, simulateOutputs } from "../outputs/table.ts";

const single: Unit = { name: "single requests", turns: 1 };
const sessions: Unit = { name: "sessions of 4", turns: 4 };
const broken: Scenario = {
  ...{ gate: "out.toolBad", name: "broken", primary: 0, shadow: 0.2 },
  bars: [{ of: "found", share: 0.8 }],
};

describe("the simulation of gates about answers", () => {
  test.each([
    { gate: "out.toolBad", shadow: 0.2, unit: single, want: "FAIL" },
    { gate: "out.refusal", shadow: 0.2, unit: sessions, want: "FAIL" },
    { gate: "out.exact", shadow: 0.3, unit: sessions, want: "FAIL" },
    { gate: "out.prompt", shadow: 0.9, unit: single, want: "FAIL" },
    { gate: "out.toolBad", shadow: 0, unit: single, want: "PASS" },
  ] as const)("$gate of a shadow that is bad in $shadow: $want", ({ gate, shadow, unit, want }) => {
    const scenario = { ...broken, gate, shadow };
    expect(judgeRun(createRandom(1), scenario, unit)).toBe(want);
  });

  test("a quantised model is found by its text, with a floor of a tenth of the requests", () => {
    const flips = { primary: 0.001, shadow: 0.01, isFlips: true, floorShare: 0.1 };
    const outcomes = (["out.exact", "out.sim"] as const).map((gate) =>
      judgeRun(createRandom(1), { ...broken, gate, ...flips }, sessions),
    );
    expect(outcomes).toEqual(["FAIL", "FAIL"]);
  });

  test("sketches show a quantised model too, and leave equal lanes alone", () => {
    const flips = { isFlips: true, isSketched: true, gate: "out.sim" } as const;
    const of = (primary: number, shadow: number, floorShare: number) =>
      judgeRun(createRandom(1), { ...broken, ...flips, primary, shadow, floorShare }, single);
    expect([of(0.001, 0.01, 0.1), of(0.001, 0.001, 1)]).toEqual(["FAIL", "PASS"]);
  });

  test("a shadow whose answers are far less similar fails, whole or sketched", () => {
    const outcomes = [false, true].map((isSketched) =>
      judgeRun(
        createRandom(1),
        { ...broken, gate: "out.sim", primary: 0.3, shadow: 0.4, isSketched },
        sessions,
      ),
    );
    expect(outcomes).toEqual(["FAIL", "FAIL"]);
  });

  test("rows are chosen by gate and truth", async () => {
    const shown: string[] = [];
    const { table, missed } = await simulateOutputs({
      ...{ runs: 1, seed: 1, wanted: ["out.toolBad: broken in 3 %"] },
      onRow: ([gate = "", name = ""]) => void shown.push(`${gate}: ${name}`),
    });
    expect(new Set(shown)).toEqual(
      new Set(["out.toolBad: broken in 3 %", "out.toolBad: broken in 3 % more"]),
    );
    expect(table.rows).toHaveLength(6);
    expect(missed).toBe(0);
    expect(outputScenarios([]).length).toBe(0);
  });

  test("any gate that fails is a FAIL", () => {
    const scenario: Scenario = { ...broken, gate: "any gate" };
    expect(judgeRun(createRandom(1), scenario, single)).toBe("FAIL");
  });

  test.each([
    { of: "false PASS", counts: { PASS: 3, FAIL: 0, runs: 100 }, want: true },
    { of: "false PASS", counts: { PASS: 50, FAIL: 0, runs: 100 }, want: false },
    { of: "false FAIL", counts: { PASS: 0, FAIL: 50, runs: 100 }, want: false },
    { of: "found", counts: { PASS: 0, FAIL: 90, runs: 100 }, want: true },
    { of: "found", counts: { PASS: 0, FAIL: 10, runs: 100 }, want: false },
  ] as const)("a bar of $of with $counts: $want", ({ of, counts, want }) => {
    const share = of === "found" ? 0.8 : 0.06;
    expect(isKept({ ...broken, bars: [{ of, share }] }, counts)).toBe(want);
  });

  test("every bar has to be met", () => {
    const bars = [
      { of: "false PASS", share: 0.06 },
      { of: "false FAIL", share: 0.06 },
    ] as const;
    const counts = { PASS: 3, FAIL: 50, runs: 100 };
    expect(isKept({ ...broken, bars }, counts)).toBe(false);
  });

  const judged = { optOut: 0, sample: { near: 0.02, far: 0.2 } };

  test.each([
    { gate: "out.judge", winRate: 0.5, want: "PASS" },
    { gate: "out.judge", winRate: 0.4, want: "FAIL" },
    { gate: "win rate", winRate: 0.45, want: "PASS" },
  ] as const)(
    "$gate of a shadow that wins $winRate by a judge: $want",
    ({ gate, winRate, want }) => {
      const scenario: Scenario = { ...broken, gate, judged: { ...judged, winRate } };
      expect(judgeRun(createRandom(1), scenario, single)).toBe(want);
    },
  );

  test("a judge whose losses are left out does not pass", () => {
    const truth = { ...judged, winRate: 0.4, optOut: 0.9 };
    const scenario: Scenario = { ...broken, gate: "out.judge", judged: truth };
    expect(judgeRun(createRandom(1), scenario, sessions)).not.toBe("PASS");
  });
});
