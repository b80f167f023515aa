import { describe, expect, test } from "@jest/globals";
import { evaluationConfig } from "@umbra/shadow";
import { reachProblems } from "@umbra/shadow/reach";
import { erlangLoss, placesFor } from "@umbra/shadow/statistics";

const budget = { maxRequests: 20_000, maxDurationMs: 7_200_000 };

describe("reachProblems", () => {
  test.each([
    { name: "the defaults reach a verdict", evaluation: {}, limits: {}, want: [] },
    {
      name: "a minute has no 20 blocks of 10 s",
      evaluation: { horizonMs: 60_000, warmupMs: 0 },
      want: ["error horizon: make `horizon` at least 3m20s"],
    },
    {
      name: "the warm-up is no part of what is judged",
      evaluation: { horizonMs: 240_000 },
      want: ["error horizon: make `horizon` at least 5m20s"],
    },
    {
      name: "shorter blocks fit into a minute",
      evaluation: { horizonMs: 60_000, warmupMs: 0, blockLengthsMs: [2_000] },
      want: [],
    },
    {
      name: "a budget that ends first is the run's length",
      limits: { maxDurationMs: 240_000 },
      want: [
        "error maxDuration: make `maxDuration` at least 5m20s",
        "warning maxDuration: make `maxDuration` at least 45m",
      ],
    },
    {
      name: "fewer requests than pairs",
      limits: { maxRequests: 1_500 },
      want: ["error maxRequests: make `maxRequests` at least 3000"],
    },
    {
      name: "a rate that does not make the pairs",
      limits: { maxRequestsPerSecond: 0.2 },
      want: ["error maxRequestsPerSecond: make `maxRequestsPerSecond` at least 0.42"],
    },
    {
      name: "a budget that ends at the horizon",
      limits: { maxDurationMs: 1_800_000 },
      want: ["warning maxDuration: make `maxDuration` at least 45m"],
    },
  ])("$name", ({ evaluation = {}, limits = {}, want }) => {
    const found = reachProblems(evaluationConfig(evaluation), { ...budget, ...limits });
    const shown = found.map(
      ({ severity, field, remedy }) => `${severity} ${field}: ${remedy.split(", or ")[0]}`,
    );
    expect(shown).toEqual(want);
  });
});

describe("Erlang's loss formula", () => {
  // Tables of Erlang B, e.g. ITU-D handbook on teletraffic engineering.
  test.each([
    [1, 1, 0.5],
    [10, 5, 0.018385],
    [32, 26.75, 0.05],
    [20, 12.03, 0.01],
  ])("%d places at a load of %d", (places, load, loss) => {
    expect(erlangLoss(places, load)).toBeCloseTo(loss, 3);
  });

  test("the fewest places that lose no more", () => {
    expect([placesFor(30, 0.01), placesFor(0, 0.01)]).toEqual([42, 1]);
    expect(erlangLoss(42, 30)).toBeLessThanOrEqual(0.01);
    expect(erlangLoss(41, 30)).toBeGreaterThan(0.01);
  });
});
