import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, type GateResult, type ValidityCheck } from "@umbra/shadow";
import { type NextStepInput, nextStep } from "../src/judge/next-step.ts";

const config = evaluationConfig();
const gate = (id: string, eta_s: number | null) => ({ id, eta_s }) as GateResult;
const check = (id: string, note: string | null = null) => ({ id, note }) as ValidityCheck;

function step(more: Partial<NextStepInput>) {
  return nextStep({
    ...{ open: [], held: [], isFinal: false, isBudgetSpent: false, leftS: 0, pairs: 1_420, config },
    ...more,
  });
}

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
      want: { action: "run on until there are 2,000 pairs (1,420 so far)", eta_s: null },
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
      name: "a gate without an end is not forgotten beside one that has one",
      input: { isFinal: true, open: [gate("ttft.p99", 240), gate("finish.length", null)] },
      want: {
        action: expect.stringMatching(/^finish\.length is too close to call/),
        eta_s: null,
      },
    },
    {
      name: "an end after more than a day is none",
      input: { isFinal: true, open: [gate("ttft.typical", 130_920)] },
      want: {
        action: expect.stringMatching(/^ttft\.typical is too close to call/),
        eta_s: null,
      },
    },
    {
      name: "gates that all have an end: the last of them",
      input: { isFinal: true, open: [gate("ttft.p99", 240), gate("ttft.p90", 61)] },
      want: { action: "run about 4 min more", eta_s: 240 },
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
