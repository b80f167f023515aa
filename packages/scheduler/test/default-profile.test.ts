import { describe, expect, test } from "@jest/globals";
import {
  createProfile,
  defaultProfile,
  type Endpoint,
  maxScorePicker,
  queueScorer,
} from "@umbra/scheduler";
import { endpoint, fresh, metrics } from "./fixtures.ts";

const base = { model: "/model/llama2" };
const sql = { model: "sql-lora", adapter: "sql-lora" };
const holding = { activeAdapters: new Set(["sql-lora"]) };
const full = { activeAdapters: new Set(["a", "b"]), maxActiveAdapters: 2 };
const stale = (address: string) =>
  endpoint({ address, metrics: { kind: "stale", metrics: metrics() } });
const missing = (address: string) => endpoint({ address, metrics: { kind: "missing" } });

describe("the default profile", () => {
  test.each<{ name: string; request: typeof base; endpoints: readonly Endpoint[]; want: string }>([
    {
      name: "takes the shortest queue",
      request: base,
      endpoints: [fresh("a", { waitingRequests: 3 }), fresh("b", { waitingRequests: 1 })],
      want: "b",
    },
    {
      name: "takes the freest KV cache among equal queues",
      request: base,
      endpoints: [fresh("a", { kvCacheUsage: 0.5 }), fresh("b", { kvCacheUsage: 0.4 })],
      want: "b",
    },
    {
      name: "takes the adapter's holder before a shorter queue",
      request: sql,
      endpoints: [fresh("a"), fresh("b", { waitingRequests: 9, ...holding })],
      want: "b",
    },
    {
      name: "takes room for the adapter before a shorter queue",
      request: sql,
      endpoints: [fresh("a", full), fresh("b", { waitingRequests: 9 })],
      want: "b",
    },
    {
      name: "takes the shortest queue where the adapter fits nowhere",
      request: sql,
      endpoints: [
        fresh("a", { ...full, waitingRequests: 2 }),
        fresh("b", { ...full, waitingRequests: 1 }),
      ],
      want: "b",
    },
    {
      name: "leaves a holder with 128 waiting requests",
      request: sql,
      endpoints: [
        fresh("a", { waitingRequests: 128, ...holding }),
        fresh("b", { waitingRequests: 9 }),
      ],
      want: "b",
    },
    {
      name: "does not look at adapters for a base model",
      request: base,
      endpoints: [fresh("a", { waitingRequests: 1 }), fresh("b", full)],
      want: "b",
    },
    {
      name: "counts what was sent since the scrape",
      request: base,
      endpoints: [{ ...fresh("a"), sentSinceScrape: 2 }, fresh("b", { waitingRequests: 1 })],
      want: "b",
    },
    {
      name: "prefers fresh metrics, however loaded",
      request: base,
      endpoints: [stale("a"), missing("c"), fresh("b", { waitingRequests: 50 })],
      want: "b",
    },
    {
      name: "prefers stale metrics to none",
      request: base,
      endpoints: [missing("a"), stale("b")],
      want: "b",
    },
    {
      name: "takes the one with fewest in flight where nothing was scraped",
      request: base,
      endpoints: [{ ...missing("a"), inFlight: 2 }, missing("b")],
      want: "b",
    },
  ])("$name", ({ request, endpoints, want }) => {
    for (const drawn of [0, 0.5, 0.999]) {
      expect(defaultProfile(() => drawn)(request, endpoints)?.address).toBe(want);
    }
  });

  test("breaks ties by the random source", () => {
    const endpoints = [fresh("a"), fresh("b")];
    expect(defaultProfile(() => 0)(base, endpoints)?.address).toBe("a");
    expect(defaultProfile(() => 0.9)(base, endpoints)?.address).toBe("b");
  });

  test("has nothing to choose in an empty pool", () => {
    expect(defaultProfile(() => 0)(base, [])).toBeUndefined();
  });
});

describe("createProfile", () => {
  test("weighs scores and clamps a scorer that breaks its promise", () => {
    const profile = createProfile({
      filters: [],
      scorers: [
        { scorer: queueScorer, weight: 1 },
        { scorer: () => [0, 1e9], weight: 0.5 },
        { scorer: () => [Number.NaN, -1], weight: 9 },
      ],
      picker: maxScorePicker(() => 0),
    });
    expect(profile(base, [fresh("a"), fresh("b", { waitingRequests: 1 })])?.address).toBe("a");
  });
});
