import { describe, expect, test } from "@jest/globals";
import {
  createPool,
  defaultProfile,
  type ModelServerMetrics,
  type PoolOptions,
  type PoolState,
  referenceProfile,
} from "@umbra/scheduler";
import fc from "fast-check";
import { metrics } from "./fixtures.ts";

const [known, unknown] = ["10.0.0.1:8000", "10.0.0.2:8000"] as const;

function setup(overrides: Partial<PoolOptions> = {}, addresses: readonly string[] = [known]) {
  const clock = { ms: 1_000 };
  const pool = createPool({ name: "p", now: () => clock.ms, random: () => 0, ...overrides });
  pool.setEndpoints(addresses);
  const scrape = (
    overrides: Partial<ModelServerMetrics>,
    afterMs = 100,
    address: string = known,
  ) => {
    clock.ms += afterMs;
    pool.recordScrape(address, metrics({ scrapedAtMs: clock.ms, ...overrides }), clock.ms);
  };
  return { pool, clock, scrape };
}

const seatsOf = (pool: PoolState) => pool.snapshot().endpoints[0]?.seats;
const full = { runningRequests: 16, waitingRequests: 8 };

describe("the seats of an endpoint", () => {
  test("are learned from a batch that is full for a second", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 10; i++) scrape(full);
    expect(seatsOf(pool)).toBeUndefined();
    scrape(full);
    expect(seatsOf(pool)).toBe(16);
  });

  test.each([
    { name: "nothing waits", metrics: { runningRequests: 16 } },
    { name: "nothing runs", metrics: { waitingRequests: 3 } },
    { name: "the KV cache is full", metrics: { ...full, kvCacheUsage: 0.97 } },
    {
      name: "adapters wait for a slot",
      metrics: { ...full, activeAdapters: new Set("abc"), maxActiveAdapters: 2 },
    },
  ])("are not learned where $name", ({ metrics }) => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 30; i++) scrape(metrics);
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are not learned from a batch smaller than one that was seen", () => {
    const { pool, scrape } = setup();
    scrape({ runningRequests: 20 });
    for (let i = 0; i < 30; i++) scrape(full);
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are not learned from two long prompts at an idle server", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 14; i++) scrape({ runningRequests: 1, waitingRequests: 1 });
    scrape({});
    for (let i = 0; i < 14; i++) scrape({ runningRequests: 1, waitingRequests: 1 });
    for (let i = 0; i < 60; i++) scrape({ runningRequests: 1 });
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are not learned while long prompts of this process are pending", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 20; i++) {
      pool.pick({ model: "base", promptTokens: 4_000 });
      scrape(full, 10);
    }
    for (let i = 0; i < 20; i++) scrape(full, 10);
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are learned from fewer than 8 running once requests wait for 5 s in a row", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 50; i++) scrape({ runningRequests: 4, waitingRequests: 2 });
    expect(seatsOf(pool)).toBeUndefined();
    scrape({ runningRequests: 4, waitingRequests: 2 });
    expect(seatsOf(pool)).toBe(4);
  });

  test("count two scrapes far apart as at most 500 ms, or two intervals", () => {
    const { pool, clock, scrape } = setup();
    scrape(full);
    scrape(full, 60_000);
    expect(seatsOf(pool)).toBeUndefined();
    scrape(full, 60_000);
    expect(seatsOf(pool)).toBe(16);
    pool.setEndpoints([]);
    pool.setEndpoints([known]);
    for (let i = 0; i < 5; i++) {
      clock.ms += 10_000;
      pool.recordScrape(known, metrics({ scrapedAtMs: clock.ms, ...full }), clock.ms, 100);
    }
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are reset after ten minutes in which as many run and nothing waits", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 11; i++) scrape(full);
    for (let i = 0; i < 11; i++) scrape({ runningRequests: 16 }, 60_000);
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are learned again after a larger batch", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 11; i++) scrape(full);
    scrape({ runningRequests: 17, waitingRequests: 1 });
    expect(seatsOf(pool)).toBeUndefined();
    for (let i = 0; i < 10; i++) scrape({ runningRequests: 17, waitingRequests: 1 });
    expect(seatsOf(pool)).toBe(17);
  });

  test("are kept while the batch is smaller, and reset after ten minutes", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 11; i++) scrape(full);
    scrape({ runningRequests: 3 }, 599_000);
    expect(seatsOf(pool)).toBe(16);
    scrape({ runningRequests: 3 }, 2_000);
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are reset when the server restarts", () => {
    const { pool, scrape } = setup();
    for (let i = 0; i < 11; i++) scrape({ ...full, processStartS: 1 });
    scrape({ processStartS: 100 });
    expect(seatsOf(pool)).toBeUndefined();
  });

  test("are what the server says", () => {
    const { pool, scrape } = setup();
    scrape({ maxRunningRequests: 4 });
    expect(seatsOf(pool)).toBe(4);
  });
});

/** Sends one request after the other, each of which stays in flight until `kept` more are. */
function shares(pool: PoolState, picks: number, kept: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const leases: { done(): void }[] = [];
  for (let i = 0; i < picks; i++) {
    const picked = pool.pick({ model: "base" });
    if (!picked.ok) throw new Error(picked.code);
    counts.set(picked.endpoint, (counts.get(picked.endpoint) ?? 0) + 1);
    leases.push(picked.lease);
    if (leases.length > kept) leases.shift()?.done();
  }
  return counts;
}

describe("an endpoint without metrics", () => {
  const profiles = [defaultProfile, referenceProfile];

  test.each(profiles.map((create) => ({ name: create().name, create })))(
    "gets no request by $name while one that can be scraped is idle",
    ({ create }) => {
      const { pool, scrape } = setup({ profiles: [{ profile: create() }] }, [known, unknown]);
      scrape({ kvCacheUsage: 0 });
      expect(shares(pool, 1, 0).get(unknown)).toBeUndefined();
    },
  );

  test.each(profiles.map((create) => ({ name: create().name, create })))(
    "gets requests by $name while the others are loaded",
    ({ create }) => {
      const { pool, scrape } = setup({ profiles: [{ profile: create() }] }, [known, unknown]);
      scrape({ runningRequests: 20, waitingRequests: 4, kvCacheUsage: 0.5 });
      expect(shares(pool, 40, 0).get(unknown)).toBeGreaterThan(0);
    },
  );

  test("takes a fair share of this process's own requests", () => {
    const { pool, scrape } = setup({}, [known, unknown]);
    scrape({});
    const counts = shares(pool, 400, 40);
    expect(counts.get(unknown)).toBeGreaterThan(150);
    expect(counts.get(unknown)).toBeLessThanOrEqual(200);
  });

  test("gets requests again after its metrics grew stale at full load", () => {
    const { pool, clock, scrape } = setup({}, [known, unknown]);
    scrape({ runningRequests: 256, waitingRequests: 99 }, 0, unknown);
    clock.ms += 60_000;
    scrape({ runningRequests: 20 });
    expect(shares(pool, 40, 0).get(unknown)).toBe(40);
  });

  test("has its prompts counted as computed as time passes, though no scrape works", () => {
    const { pool, clock } = setup();
    pool.pick({ model: "base", promptTokens: 800 });
    pool.recordScrapeFailure(known, "refused");
    expect(pool.snapshot().endpoints[0]?.pendingPromptTokens).toBe(800);
    clock.ms += 101;
    pool.recordScrapeFailure(known, "refused");
    expect(pool.snapshot().endpoints[0]?.pendingPromptTokens).toBe(0);
  });
});

test("no endpoint with less known load and no failures starves, whatever is known of the others", () => {
  const state = fc.record({
    kind: fc.constantFrom("missing", "fresh", "early"),
    runningRequests: fc.integer({ min: 5, max: 60 }),
    waitingRequests: fc.nat({ max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), (others) => {
      const addresses = ["10.0.1.1:1", ...others.map((_, i) => `10.0.0.${i}:1`)];
      const { pool, clock } = setup({}, addresses);
      for (const [i, { kind, runningRequests, waitingRequests }] of others.entries()) {
        const load = kind === "early" ? { showsLoad: false } : { runningRequests, waitingRequests };
        if (kind === "missing") continue;
        const page = metrics({ scrapedAtMs: clock.ms, ...load });
        pool.recordScrape(`10.0.0.${i}:1`, page, clock.ms);
      }
      pool.recordScrape("10.0.1.1:1", metrics({ scrapedAtMs: clock.ms }), clock.ms);
      expect(shares(pool, 40, 20).get("10.0.1.1:1")).toBeGreaterThan(0);
    }),
  );
});

describe("what is known of the load", () => {
  test("counts endpoints with load metrics, requests in flight, and names the newest failure", () => {
    const { pool, clock, scrape } = setup({}, [known, unknown]);
    expect(pool.knownLoad()).toEqual({ endpoints: 2, knownEndpoints: 0, inFlight: 0 });
    pool.pick({ model: "base" });
    pool.recordScrapeFailure(unknown, "connect ECONNREFUSED 10.0.0.2:8000", "no connection");
    clock.ms++;
    pool.recordScrapeFailure(known, "no answer in time");
    expect(pool.knownLoad()).toEqual({
      endpoints: 2,
      knownEndpoints: 0,
      inFlight: 1,
      lastFailureKind: "scrape failed",
    });
    scrape({});
    expect(pool.knownLoad()).toMatchObject({ knownEndpoints: 1, lastFailureKind: "no connection" });
    scrape({ showsLoad: false });
    expect(pool.knownLoad()).toMatchObject({ knownEndpoints: 0 });
  });
});

describe("requests by the state of the pool", () => {
  const states = ["missing", "stale", "fresh", "early"] as const;
  const cases = states.flatMap((state) =>
    [0, 100].flatMap((inFlight) => [0, -1].map((priority) => ({ state, inFlight, priority }))),
  );
  test.each(cases)("$state, $inFlight in flight, priority $priority", (each) => {
    const { state, inFlight, priority } = each;
    const { pool, clock, scrape } = setup();
    for (let i = 0; i < inFlight; i++) pool.pick({ model: "base" });
    const load = inFlight === 0 ? {} : full;
    if (state === "stale") scrape(full);
    if (state === "stale") clock.ms += 60_000;
    if (state === "fresh") scrape(load);
    if (state === "early") scrape({ showsLoad: false });
    const isFull = inFlight > 0;
    expect(pool.saturation() >= 1).toBe(isFull);
    const result = pool.pick({ model: "base", priority });
    expect(result.ok ? "served" : result.code).toBe(isFull && priority < 0 ? "SHED" : "served");
  });
});

test.each([
  { state: undefined, healthPage: true, isReady: true },
  { state: "ready", healthPage: true, isReady: true },
  { state: "asleep", healthPage: true, isReady: false },
  { state: "loading", healthPage: true, isReady: false },
  { state: "draining", healthPage: true, isReady: false },
  { state: "ready", healthPage: false, isReady: false },
] as const)(
  "metrics that say $state and a health page that says $healthPage: ready $isReady",
  (each) => {
    const { pool, scrape } = setup({}, [known, unknown]);
    pool.recordReadiness(known, each.healthPage);
    scrape(each.state === undefined ? {} : { state: each.state });
    expect(pool.snapshot().endpoints[0]?.isReady).toBe(each.isReady);
    const other = pool.pick({ model: "base", exclude: [each.isReady ? unknown : known] });
    expect(other).toMatchObject({ ok: true, endpoint: each.isReady ? known : unknown });
    expect(pool.pick({ model: "base", subset: [known] })).toMatchObject({ endpoint: known });
  },
);

test("an engine that is asleep is the last fallback", () => {
  const third = "10.0.0.3:8000";
  const { pool, scrape } = setup({}, [known, unknown, third]);
  scrape({});
  scrape({ state: "asleep" }, 0, unknown);
  scrape({ waitingRequests: 50 }, 0, third);
  const picked = pool.pick({ model: "base" });
  expect(picked).toMatchObject({ ok: true, endpoint: known, fallbacks: [third, unknown] });
});

test.each([
  { afterMs: 59_000, picked: unknown },
  { afterMs: 61_000, picked: known },
])("an engine that reported sleep and is silent for $afterMs ms: picked $picked", (each) => {
  const { pool, clock, scrape } = setup({}, [known, unknown]);
  scrape({ state: "asleep" });
  clock.ms += each.afterMs;
  pool.pick({ model: "base", subset: [unknown] });
  expect(pool.pick({ model: "base" })).toMatchObject({ endpoint: each.picked });
  expect(pool.snapshot().endpoints[0]?.metrics.kind).toBe("stale");
});
