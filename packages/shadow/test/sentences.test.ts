import { describe, expect, test } from "@jest/globals";
import { evaluationConfig, type GateResult, judge, type ValidityCheck } from "@umbra/shadow";
import { checkLimits } from "../src/render/check-words.ts";
import { failedSentence, undecidedSentence } from "../src/report/gate-sentence.ts";
import { largestBurst } from "../src/statistics/bursts.ts";
import { traffic } from "./fixtures.ts";

const gate = (more: Partial<GateResult>): GateResult => ({
  ...{ id: "ttft.typical", required: true, kind: "ratio", status: "INCONCLUSIVE", reason: null },
  ...{ primary: 100, shadow: 105, estimate: 1.05, interval: null, fail_interval: null },
  ...{ decided_at: null, smallest_detectable: null, method: "", margin: 1.1, margin_low: null },
  ...{ n: 2_000, events: null, blocks: 160, block_s: 10, lag1: 0, e_value: null, e_needed: null },
  ...{ look: "anytime", eta_s: null },
  ...more,
});
const between = (lower: number | null, upper: number | null) => ({ lower, upper, level: 0.9 });
const close = (text: string) => ({ code: "too_close" as const, has: null, needs: null, text });
const endless = { id: "ttft.p99", shadow: null, estimate: null, margin: 1.2 };
const over = "over the margin at 90 %; FAIL needs a stricter bound";

describe("a failed gate", () => {
  test.each([
    {
      name: "by its interval",
      found: gate({ estimate: 1.3, fail_interval: between(1.2, 1.4) }),
      want: "ttft.typical +30.0 % (+20.0 % to +40.0 %) exceeds the +10.0 % margin",
    },
    {
      name: "a tail without end",
      found: gate({ ...endless, fail_interval: between(1.5, null) }),
      want: "ttft.p99 has no upper end: over 1 % of twins were lost or cut short (margin +20.0 %)",
    },
    {
      name: "another level of it",
      found: gate({ ...endless, id: "ttft.p90" }),
      want: "ttft.p90 has no upper end: over 10 % of twins were lost or cut short (margin +20.0 %)",
    },
    {
      name: "without any estimate",
      found: gate({ primary: null, shadow: null, estimate: null }),
      want: "ttft.typical has no estimate (margin +10.0 %)",
    },
  ])("$name", ({ found, want }) => {
    expect(failedSentence(found)).toBe(want);
  });
});

describe("an undecided gate", () => {
  const interval = between(1.0, 1.12);
  test.each([
    {
      name: "says once that it is too close",
      found: gate({ interval, reason: close("could still be over the margin") }),
      want: "ttft.typical +5.0 % (+0.0 % to +12.0 %) could still be above the +10.0 % margin",
    },
    {
      name: "is over the margin where its whole interval is",
      found: gate({ estimate: 1.15, interval: between(1.11, 1.19), reason: close(over) }),
      want: `ttft.typical +15.0 % (+11.0 % to +19.0 %): ${over}`,
    },
    {
      name: "keeps another reason",
      found: gate({ interval, reason: { ...close("needs 20 blocks"), code: "too_few_blocks" } }),
      want: "ttft.typical +5.0 % (+0.0 % to +12.0 %) could still be above the +10.0 % margin: needs 20 blocks",
    },
    {
      name: "without an end",
      found: gate({ ...endless, reason: close("could still be over the margin") }),
      want: "ttft.p99 has no upper end: over 1 % of twins were lost or cut short: could still be over the margin",
    },
  ])("$name", ({ found, want }) => {
    expect(undecidedSentence(found)).toBe(want);
  });

  test("of the judge: over the margin, and not close to it", () => {
    const samples = traffic({ seed: 2, pairs: 900, perSecond: 4, ratio: 1.15, spread: 0.5 });
    const config = evaluationConfig({ horizonMs: 220_000, warmupMs: 0, minPairs: 800 });
    const { gates } = judge({ samples, config, isBrief: true });
    const found = gates.filter(({ reason }) => reason?.code === "too_close");
    const isOver = ({ interval, margin }: GateResult) => (interval?.lower ?? 0) > margin;
    expect(found.filter(isOver).map(({ reason }) => reason?.text)).toEqual(
      found.filter(isOver).map(() => over),
    );
    expect(found.some(isOver)).toBe(true);
  });
});

describe("a burst", () => {
  const at = (count: number, gapS: number) =>
    Array.from({ length: count }, (_, i) => i * gapS * 1e3);

  test.each([
    { name: "half a minute of half an hour", times: at(10, 3), runS: 1_800, seconds: 27 },
    { name: "a quarter of the run", times: at(10, 3), runS: 108, seconds: undefined },
    { name: "two minutes", times: at(21, 6), runS: 1_800, seconds: 120 },
    { name: "longer than that", times: at(22, 6), runS: 1_800, seconds: undefined },
    { name: "three events", times: at(3, 1), runS: 1_800, seconds: undefined },
    { name: "none", times: [], runS: 0, seconds: undefined },
  ])("$name: $seconds", ({ times, runS, seconds }) => {
    expect(largestBurst(times, runS * 1_000)?.seconds).toBe(seconds);
  });
});

test.each<{ limits: ValidityCheck["limits"]; want: string }>([
  { limits: [1, 1], want: "" },
  { limits: [0.8, 1.25], want: "0.8 to 1.25" },
  { limits: [0.95, null], want: "at least 0.95" },
  { limits: [null, 0.05], want: "at most 0.05" },
  { limits: null, want: "" },
])("limits $limits: '$want'", ({ limits, want }) => {
  expect(checkLimits({ limits } as ValidityCheck)).toBe(want);
});
