import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, type GateResult, judge, type ValidityCheck } from "@umbra/shadow";
import { etaOf } from "../src/judge/gate-result.ts";
import { type NextStepInput, nextStep } from "../src/judge/next-step.ts";
import { traffic } from "./fixtures.ts";

const config = evaluationConfig();
const gate = (id: string, eta_s: number | null) => ({ id, eta_s }) as GateResult;
const check = (id: string, note: string | null = null) => ({ id, note }) as ValidityCheck;

function step(more: Partial<NextStepInput>) {
  return nextStep({
    ...{ open: [], held: [], isFinal: false, isBudgetSpent: false, leftS: 0, pairs: 1_420, config },
    stage: 1,
    ...more,
  });
}

describe("the time that a gate still needs", () => {
  test.each([
    { name: "half of the room: four times the run", estimate: 0, upper: 0.2, want: 5_400 },
    { name: "nearly there", estimate: 0, upper: 0.101, want: 36.18 },
    { name: "inside already", estimate: 0, upper: 0.05, want: 0 },
    { name: "over the margin", estimate: 0.11, upper: 0.2, want: null },
    { name: "more than a day", estimate: 0.09, upper: 0.2, want: null },
  ])("$name", ({ estimate, upper, want }) => {
    const found = etaOf({ estimate, upper, margin: 0.1 }, 1_800, 1);
    expect(found === null ? null : Number(found.toFixed(2))).toBe(want);
  });

  test("a tail that is too close has one, as other gates do", () => {
    const samples = traffic({ seed: 5, pairs: 1_600, perSecond: 2, spread: 0.7 });
    const short = evaluationConfig({ horizonMs: 790_000, warmupMs: 0, minPairs: 1_000 });
    const { gates } = judge({ samples, config: short, facts: { isFinished: true } });
    const tail = gates.find(({ id }) => id === "ttft.p99");
    expect(tail).toMatchObject({ status: "INCONCLUSIVE", reason: { code: "too_close" } });
    expect(tail?.eta_s).toBeGreaterThan(60);
  });
});

test("who continues pays for the next stage, and who records another run does not", () => {
  const samples = traffic({ seed: 5, pairs: 1_600, perSecond: 2, spread: 0.7 });
  const config = evaluationConfig({ horizonMs: 790_000, warmupMs: 0, minPairs: 1_000 });
  const etaAfter = (isFinished: boolean) =>
    judge({ samples, config, facts: { isFinished } }).gates.find(({ id }) => id === "ttft.p99")
      ?.eta_s ?? 0;
  expect(etaAfter(true)).toBeGreaterThan(60);
  // The next stage has a quarter of the error: bounds are 2.1 times as wide at it.
  expect(etaAfter(false)).toBeGreaterThan(2 * etaAfter(true));
});

describe("nextStep", () => {
  test.each([
    {
      name: "before the planned end, until there",
      input: { leftS: 601, open: [gate("ttft.p99", null)] },
      want: { action: "run about 11 min more", eta_s: 601 },
    },
    {
      name: "a horizon that can't hold a gate is named, and not more of it",
      input: {
        leftS: 30,
        config: evaluationConfig({ horizonMs: 60_000, warmupMs: 0 }),
      },
      want: {
        action:
          "make `horizon` at least 3m20s, or `warmup` or `blockLengths` shorter, then start a new evaluation",
        eta_s: null,
      },
    },
    {
      name: "a budget that is spent",
      input: { isBudgetSpent: true },
      want: {
        action:
          "the budget is spent with 1,420 of 2,000 pairs: raise the share or maxDuration, then start a new evaluation",
        eta_s: null,
      },
    },
    {
      name: "too few pairs at the planned end",
      input: {},
      want: { action: "continue until there are 2,000 pairs (1,420 so far)", eta_s: null },
    },
    {
      name: "too few pairs in a finished file",
      input: { isFinished: true },
      want: {
        action: "record a longer run: 2,000 pairs are needed, and these samples have 1,420",
        eta_s: null,
      },
    },
    {
      name: "a gate without an estimated end still counts next to one with an end",
      input: { isFinal: true, open: [gate("ttft.p99", 240), gate("finish.length", null)] },
      want: {
        action: expect.stringMatching(/^finish\.length is too close to call/),
        eta_s: null,
      },
    },
    {
      name: "an end after more than a day is ignored",
      input: { isFinal: true, open: [gate("ttft.typical", 130_920)] },
      want: {
        action: expect.stringMatching(/^ttft\.typical is too close to call/),
        eta_s: null,
      },
    },
    {
      name: "gates that all have an estimated end: the next verdict, at twice the planned length",
      input: { isFinal: true, open: [gate("ttft.p99", 240), gate("ttft.p90", 61)] },
      want: {
        action: "continue: the verdict at 60 min of the run, in about 30 min, can decide",
        eta_s: 1_782,
      },
    },
    {
      name: "more than one doubling away",
      input: { isFinal: true, open: [gate("ttft.p99", 1_900)] },
      want: { action: expect.stringContaining("the verdict at 119 min of the run"), eta_s: 5_346 },
    },
    {
      name: "after the end of a stage, from the elapsed time",
      input: { isFinal: true, stage: 1, elapsedS: 2_400, open: [gate("ttft.p99", 240)] },
      want: { action: expect.stringContaining("in about 20 min"), eta_s: 1_164 },
    },
    {
      name: "at a later stage",
      input: { isFinal: true, stage: 2, open: [gate("ttft.p99", 240)] },
      want: { action: expect.stringContaining("the verdict at 119 min of the run"), eta_s: 3_564 },
    },
    {
      name: "a finished file has no later stage",
      input: { isFinal: true, isFinished: true, open: [gate("ttft.p99", 240)] },
      want: { action: "record a run that is about 4 min longer", eta_s: null },
    },
    {
      name: "a trend is looked for, and not averaged away",
      input: { isFinal: true, held: [check("drift")], open: [gate("ttft.typical", 100)] },
      want: { action: expect.stringContaining("why the shadow gets slower"), eta_s: null },
    },
    {
      name: "a check that knows what to do says it",
      input: { isFinal: true, held: [check("cached_share", "sample by session")] },
      want: { action: "sample by session", eta_s: null },
    },
  ] satisfies {
    name: string;
    input: Partial<NextStepInput>;
    want: { action: unknown; eta_s: number | null };
  }[])("$name", ({ input, want }) => {
    expect(step(input)).toEqual(want);
  });
});
