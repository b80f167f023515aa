import { describe, expect, test } from "@jest/globals";
import {
  kvCacheScorer,
  loraAffinityScorer,
  maxScorePicker,
  queueScorer,
  runningRequestsScorer,
  weightedRandomPicker,
} from "@umbra/scheduler";
import { endpoint, fresh } from "./fixtures.ts";

const request = { model: "base" };
const unscraped = endpoint({ metrics: { kind: "missing" } });

describe("queueScorer", () => {
  test.each([
    {
      name: "spreads linearly between shortest and longest",
      queues: [2, 6, 10],
      want: [1, 0.5, 0],
    },
    { name: "does not prefer among equal queues", queues: [4, 4], want: [1, 1] },
    { name: "scores nothing for an empty pool", queues: [], want: [] },
  ])("$name", ({ queues, want }) => {
    expect(
      queueScorer(
        request,
        queues.map((waitingRequests) => fresh("a", { waitingRequests })),
      ),
    ).toEqual(want);
  });

  test("puts an unscraped endpoint last", () => {
    expect(queueScorer(request, [fresh("a"), unscraped])).toEqual([1, 0]);
  });
});

test("runningRequestsScorer counts what was sent since the scrape", () => {
  const busy = endpoint({ sentSinceScrape: 4 });
  expect(
    runningRequestsScorer(request, [fresh("a", { runningRequests: 2 }), busy, unscraped]),
  ).toEqual([1, 0, 0]);
});

test("kvCacheScorer scores the free share", () => {
  expect(kvCacheScorer(request, [fresh("a", { kvCacheUsage: 0.25 }), unscraped])).toEqual([
    0.75, 0,
  ]);
});

test("loraAffinityScorer prefers holders, then room", () => {
  const endpoints = [
    fresh("holder", { activeAdapters: new Set(["sql"]) }),
    fresh("roomy"),
    fresh("full", { activeAdapters: new Set(["x"]), maxActiveAdapters: 1 }),
    unscraped,
  ];
  expect(loraAffinityScorer({ model: "sql", adapter: "sql" }, endpoints)).toEqual([1, 0.8, 0, 0]);
  expect(loraAffinityScorer(request, endpoints)).toEqual([1, 1, 1, 1]);
});

describe("pickers", () => {
  const [a, b] = [
    { endpoint: fresh("a"), score: 0.25 },
    { endpoint: fresh("b"), score: 0.75 },
  ];
  test("maxScorePicker takes the highest score", () => {
    expect(maxScorePicker(() => 0)([a, b])).toBe(b);
  });
  test.each([
    { drawn: 0.2, want: "a" },
    { drawn: 0.3, want: "b" },
  ])("weightedRandomPicker draws in proportion ($drawn)", ({ drawn, want }) => {
    expect(weightedRandomPicker(() => drawn)([a, b]).endpoint.address).toBe(want);
  });
  test("weightedRandomPicker draws evenly where all score 0", () => {
    expect(
      weightedRandomPicker(() => 0.9)([
        { ...a, score: 0 },
        { ...b, score: 0 },
      ]).endpoint.address,
    ).toBe("b");
  });
});
