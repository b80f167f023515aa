import { describe, expect, test } from "@jest/globals";
import { createPool, createProfile, type PoolState, randomPicker } from "@umbra/scheduler";
import fc from "fast-check";
import { metrics } from "./fixtures.ts";

const base = { model: "base" };
const addresses = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"];

function setup(overrides: Partial<Parameters<typeof createPool>[0]> = {}): {
  pool: PoolState;
  clock: { ms: number };
} {
  const clock = { ms: 1_000 };
  const pool = createPool({ name: "pool", now: () => clock.ms, random: () => 0, ...overrides });
  pool.setEndpoints(addresses);
  return { pool, clock };
}

function picked(pool: PoolState, request: { model: string; adapter?: string } = base) {
  const result = pool.pick(request);
  if (!result.ok) throw new Error(result.code);
  return result;
}

const of = (pool: PoolState, address: string | undefined) =>
  pool.snapshot().endpoints.find((each) => each.address === address);

describe("createPool", () => {
  test("spreads a burst between two scrapes within one request, and names other endpoints as fallbacks", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (count, draws) => {
          const { pool, clock } = setup({ random: () => draws.next().value ?? 0 });
          for (const address of addresses)
            pool.recordScrape(address, metrics({ scrapedAtMs: clock.ms }), clock.ms);
          for (let i = 0; i < count; i++) {
            const { endpoint, fallbacks } = picked(pool);
            expect([endpoint, ...fallbacks].toSorted()).toEqual(addresses);
          }
          const sent = pool.snapshot().endpoints.map(({ inFlight }) => inFlight);
          expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test("counts a request in flight until its lease ends, once", () => {
    const { pool } = setup();
    const { lease, endpoint } = picked(pool);
    expect(of(pool, endpoint)?.inFlight).toBe(1);
    lease.end();
    lease.end();
    expect(of(pool, endpoint)).toMatchObject({ inFlight: 0, sentSinceScrape: 0 });
  });

  test("a scrape takes over the requests that were sent before it began", () => {
    const { pool, clock } = setup();
    const early = picked(pool);
    clock.ms += 10;
    const startedMs = clock.ms;
    clock.ms += 10;
    pool.setEndpoints([early.endpoint]);
    const late = picked(pool);
    pool.recordScrape(
      early.endpoint,
      metrics({ scrapedAtMs: clock.ms, runningRequests: 1 }),
      startedMs,
    );
    expect(of(pool, early.endpoint)).toMatchObject({ inFlight: 2, sentSinceScrape: 1 });
    early.lease.end();
    expect(of(pool, early.endpoint)).toMatchObject({ inFlight: 1, sentSinceScrape: 1 });
    late.lease.end();
    expect(of(pool, early.endpoint)).toMatchObject({ inFlight: 0, sentSinceScrape: 0 });
  });

  test("metrics grow stale, and a failed scrape keeps them", () => {
    const { pool, clock } = setup({ staleAfterMs: 2_000 });
    const [first] = addresses;
    pool.recordScrape(first ?? "", metrics({ scrapedAtMs: clock.ms }), clock.ms);
    clock.ms += 2_001;
    pool.recordScrapeFailure(first ?? "", "no answer in time");
    expect(of(pool, first)).toMatchObject({
      metrics: { kind: "stale" },
      metricsAgeMs: 2_001,
      lastFailure: "no answer in time",
    });
    expect(of(pool, addresses[1])?.metrics).toEqual({ kind: "missing" });
  });

  test("sends a burst for a cold adapter to one endpoint, and others elsewhere", () => {
    const { pool, clock } = setup();
    for (const address of addresses)
      pool.recordScrape(
        address,
        metrics({ scrapedAtMs: clock.ms, maxActiveAdapters: 1 }),
        clock.ms,
      );
    const sql = Array.from(
      { length: 5 },
      () => picked(pool, { model: "sql", adapter: "sql" }).endpoint,
    );
    expect(new Set(sql).size).toBe(1);
    expect(picked(pool, { model: "tweet", adapter: "tweet" }).endpoint).not.toBe(sql[0]);
  });

  test("forgets the least recently sent adapter beyond the endpoint's slots", () => {
    const { pool, clock } = setup();
    const [first = ""] = addresses;
    pool.setEndpoints([first]);
    pool.recordScrape(first, metrics({ scrapedAtMs: clock.ms, maxActiveAdapters: 2 }), clock.ms);
    for (const adapter of ["a", "b", "a", "c"]) picked(pool, { model: adapter, adapter });
    expect(of(pool, first)?.recentAdapters).toEqual(new Set(["a", "c"]));
  });

  test("keeps what it knows of endpoints that stay", () => {
    const { pool, clock } = setup();
    const [first = "", second = ""] = addresses;
    pool.recordScrape(first, metrics({ scrapedAtMs: clock.ms, waitingRequests: 7 }), clock.ms);
    pool.setEndpoints([first, "10.0.0.9:8000"]);
    pool.recordScrape(second, metrics(), clock.ms);
    expect(
      pool.snapshot().endpoints.map(({ address, metrics: state }) => [address, state.kind]),
    ).toEqual([
      [first, "fresh"],
      ["10.0.0.9:8000", "missing"],
    ]);
  });

  test("says why nothing was picked", () => {
    const { pool } = setup();
    pool.setEndpoints([]);
    expect(pool.pick(base)).toEqual({ ok: false, code: "POOL_EMPTY" });
    const none = createProfile({ filters: [() => []], picker: randomPicker(() => 0) });
    const saturated = setup({ profile: none }).pool;
    expect(saturated.pick(base)).toEqual({ ok: false, code: "POOL_SATURATED" });
  });

  test("a snapshot does not change after it was taken", () => {
    const { pool } = setup();
    const before = pool.snapshot();
    picked(pool);
    expect(before.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0]);
  });

  test("does not keep ended leases of an endpoint that no scrape reaches", () => {
    const { pool } = setup();
    for (let i = 0; i < 1_000; i++) picked(pool).lease.end();
    expect(pool.snapshot().endpoints.every(({ sentSinceScrape }) => sentSinceScrape === 0)).toBe(
      true,
    );
  });
});
