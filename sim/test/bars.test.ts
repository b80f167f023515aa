import { describe, expect, test } from "@jest/globals";
import { barsOf, wilson } from "../evaluation/bars.ts";
import type { Cell, Claim } from "../evaluation/cell.ts";
import { add, createTally, type Tally } from "../evaluation/tally.ts";
import { equal } from "../evaluation/truth.ts";

function tally(
  claim: Claim,
  verdicts: Partial<Tally["verdicts"]>,
  more: Partial<Cell> = {},
): Tally {
  const name = "a cell";
  const cell: Cell = {
    name,
    traffic: {},
    truth: equal,
    looks: "end",
    claim,
    table: "checks",
    ...more,
  };
  const of = createTally(cell);
  Object.assign(of.verdicts, verdicts);
  of.runs = Object.values(of.verdicts).reduce((sum, count) => sum + count, 0);
  return of;
}

const statuses = (of: Tally) => barsOf(of).map(({ status }) => status);

test.each([
  { count: 0, runs: 100, low: 0, high: 0.0385 },
  { count: 5, runs: 100, low: 0.0212, high: 0.1134 },
  { count: 100, runs: 100, low: 0.9615, high: 1 },
])("two standard errors of $count in $runs are $low to $high", ({ count, runs, low, high }) => {
  const [from, to] = wilson(count, runs);
  expect(from).toBeCloseTo(low, 4);
  expect(to).toBeCloseTo(high, 4);
});

describe("a bar", () => {
  test("is met, near or missed by what was found and its error", () => {
    const claim: Claim = { kind: "worse", passes: 0.05 };
    expect(statuses(tally(claim, { PASS: 5, FAIL: 95 }))).toEqual(["met"]);
    expect(statuses(tally(claim, { PASS: 8, FAIL: 92 }))).toEqual(["near"]);
    expect(statuses(tally(claim, { PASS: 20, FAIL: 80 }))).toEqual(["missed"]);
  });

  test("that says never is missed by a single run", () => {
    expect(statuses(tally({ kind: "worse", passes: 0 }, { PASS: 1, FAIL: 999 }))).toEqual([
      "missed",
    ]);
  });

  test("on equal lanes asks for few FAIL, hardly any INVALID and enough PASS", () => {
    const found = tally({ kind: "equal", passes: 0.9 }, { PASS: 17, INVALID: 3 });
    expect(statuses(found)).toEqual(["met", "missed", "near"]);
  });

  test("at the margin asks about the gate, and about the verdict where there is no such gate", () => {
    const claim: Claim = { kind: "margin", gate: "ttft.p99", isStationary: true };
    const unjudged = tally(claim, { PASS: 100 });
    const judged = tally(claim, { PASS: 100 });
    const gateStatuses = { PASS: 3, FAIL: 0, INCONCLUSIVE: 97, NOT_JUDGED: 0 };
    judged.gates.set("ttft.p99", {
      statuses: gateStatuses,
      undecided: 97,
      passedAtS: [1_800, 1_800, 1_800],
      failedAtS: [],
    });
    expect(statuses(unjudged)).toEqual(["missed"]);
    expect(statuses(judged)).toEqual(["met"]);
  });

  test.each([
    { memoryS: 60, demand: "at most 8.0 %" },
    { memoryS: 120, demand: "at most 12.0 %" },
  ])("at the margin under load of $memoryS s is $demand", ({ memoryS, demand }) => {
    const claim: Claim = { kind: "margin", gate: "ttft.p99", isStationary: true };
    const load = { memoryS, share: 0.3 };
    const [bar] = barsOf(tally(claim, { PASS: 1 }, { traffic: { load } }));
    expect(bar?.demand).toContain(demand);
  });

  test("at the margin of a run that sees few swings asks about a PASS without a warning", () => {
    const claim: Claim = { kind: "margin", gate: "ttft.p99", isStationary: true };
    const load = { memoryS: 120, share: 0.3 };
    const found = tally(claim, {}, { traffic: { load } });
    const gates = [{ id: "ttft.p99", required: true, status: "PASS" as const }].map((gate) => ({
      ...gate,
      ...{ passedAtS: 1_800, failedAtS: undefined },
    }));
    const outcome = { status: "PASS" as const, decidedAtS: 1_800, pairs: 1, gates };
    for (const reasons of [["few_swings"], ["few_swings"], []]) {
      add(found, { outcome: { ...outcome, reasons, failedChecks: [] }, decisions: {} });
    }
    expect(barsOf(found).map(({ demand, found: share }) => [demand, share])).toEqual([
      ["ttft.p99 at its margin passes: at most 12.0 %", "100.0 % of 3"],
      ["ttft.p99 at its margin passes without a warning: at most 8.0 %", "33.3 % of 3"],
    ]);
  });

  test("on the time to FAIL counts runs that never fail as late", () => {
    const found = tally({ kind: "worse", beforeS: 360 }, { FAIL: 40, INCONCLUSIVE: 60 });
    found.decidedAtS.FAIL.push(...Array.from({ length: 40 }, () => 300));
    const [bar] = barsOf(found);
    expect(bar?.found).toBe("Infinity s");
  });

  test("is not there where nothing was simulated or demanded", () => {
    expect(statuses(tally({ kind: "shown" }, { PASS: 9 }))).toEqual([]);
    expect(statuses(tally({ kind: "sound" }, {}))).toEqual([]);
  });
});
