import { describe, expect, test } from "@jest/globals";
import type { EndpointAnswer, InferenceRequest, PoolOptions } from "@umbra/scheduler";
import { metrics } from "./fixtures.ts";
import { observedPool } from "./observed-pool.ts";

const base: InferenceRequest = { model: "base", promptTokens: 10 };
const first = "10.0.0.1:8000";
const second = "10.0.0.2:8000";

function setup(overrides: Partial<PoolOptions> = {}, addresses = [first, second]) {
  const made = observedPool(addresses, { random: () => 0.99, ...overrides });
  return { ...made, pick: (request: InferenceRequest = base) => made.pick(request) };
}

describe("five answers in a row", () => {
  const failed = { isEjected: true, hasErrors: true };
  const refused = { isEjected: false, hasErrors: true };
  const good = { isEjected: false, hasErrors: false };

  test.each<{ readonly answer: EndpointAnswer; readonly want: typeof failed }>([
    { answer: { ok: true }, want: good },
    { answer: {}, want: good },
    { answer: { status: 200 }, want: good },
    { answer: { status: 204, ok: true }, want: good },
    { answer: { status: 304 }, want: good },
    { answer: { status: 200, ok: false }, want: failed },
    { answer: { ok: false }, want: failed },
    { answer: { status: 500 }, want: failed },
    { answer: { status: 502 }, want: failed },
    { answer: { status: 504 }, want: failed },
    { answer: { status: 599 }, want: failed },
    { answer: { status: 302 }, want: refused },
    { answer: { status: 307 }, want: refused },
    { answer: { status: 501 }, want: refused },
    { answer: { status: 400 }, want: refused },
    { answer: { status: 401 }, want: refused },
    { answer: { status: 403 }, want: refused },
    { answer: { status: 404 }, want: refused },
    { answer: { status: 422 }, want: refused },
    { answer: { status: 429 }, want: refused },
    { answer: { status: 503 }, want: refused },
    { answer: { status: 529 }, want: refused },
    { answer: { status: 404, ok: true }, want: refused },
  ])("of $answer: $want", ({ answer: how, want }) => {
    const { answer, of } = setup();
    answer(first, how, 5);
    const { isEjected, errorShare } = of(first);
    expect({ isEjected, hasErrors: errorShare > 0 }).toEqual(want);
    expect(of(second)).toMatchObject({ isEjected: false, errorShare: 0 });
  });

  test.each([
    { status: undefined, isEjected: true },
    { status: 200, isEjected: true },
    { status: 500, isEjected: true },
    { status: 307, isEjected: false },
    { status: 404, isEjected: false },
    { status: 503, isEjected: false },
  ])(
    "reported by failed leases, with status $status: ejected $isEjected",
    ({ status, isEjected }) => {
      const { pick, of } = setup();
      for (let i = 0; i < 5; i++) pick({ ...base, subset: [first] }).lease.fail(status);
      expect(of(first)).toMatchObject({ isEjected, inFlight: 0 });
    },
  );

  test("a refusal does not count as a first token", () => {
    const { answer, of } = setup();
    answer(first, { status: 401, ttftMs: 1 });
    expect(of(first).ttftMs).toBeUndefined();
    answer(first, { status: 200, ttftMs: 80 });
    expect(of(first).ttftMs).toBe(80);
  });
});

describe("an endpoint that reports saturation", () => {
  test.each([
    { name: "nothing runs before and after", before: {}, after: {}, isEjected: true },
    { name: "requests run", before: { runningRequests: 9 }, after: {}, isEjected: false },
    { name: "requests wait", before: { waitingRequests: 1 }, after: {}, isEjected: false },
    {
      name: "requests have just begun",
      before: {},
      after: { runningRequests: 9 },
      isEjected: false,
    },
  ])("while $name: ejected $isEjected", ({ before, after, isEjected }) => {
    const { answer, of, scrape, clock } = setup();
    scrape(first, before);
    answer(first, { status: 503 }, 5);
    expect(of(first).isEjected).toBe(false);
    clock.ms += 100;
    scrape(first, after);
    expect(of(first).isEjected).toBe(isEjected);
  });

  test("is ejected only after its own requests have ended", () => {
    const { answer, of, scrape, clock, pick } = setup();
    const { lease } = pick({ ...base, subset: [first] });
    answer(first, { status: 429 }, 5);
    clock.ms += 100;
    scrape(first);
    expect(of(first).isEjected).toBe(false);
    lease.release();
    clock.ms += 100;
    scrape(first);
    expect(of(first).isEjected).toBe(true);
  });

  test("is not ejected for old refusals after a good answer", () => {
    const { answer, of, scrape, clock } = setup();
    answer(first, { status: 503 }, 5);
    answer(first, { status: 200 });
    clock.ms += 100;
    scrape(first);
    expect(of(first).isEjected).toBe(false);
  });

  test("is not ejected if its load is unknown", () => {
    const { pool, of } = setup({}, []);
    pool.setEndpoints([first, second]);
    for (let i = 0; i < 9; i++) pool.recordAnswer(first, { status: 503 });
    pool.recordScrape(first, metrics({ scrapedAtMs: 2_000 }), 2_000);
    expect(of(first).isEjected).toBe(false);
  });
});

describe("fast errors", () => {
  /** The second endpoint works. The first seems idle and answers every request with an error. */
  function play(status: number, requests: number, stepMs = 50) {
    const made = setup();
    made.scrape(second, { runningRequests: 20 });
    let errors = 0;
    for (let i = 0; i < requests; i++) {
      made.clock.ms += stepMs;
      const { endpoint, lease } = made.pick();
      if (endpoint === first) {
        errors++;
        lease.fail(status);
      } else lease.done();
    }
    return { ...made, errors };
  }

  test.each([400, 401, 403, 404, 429, 500, 503])(
    "of status %d do not attract requests",
    (status) => {
      const { errors, events } = play(status, 40);
      expect(errors).toBeGreaterThan(0);
      expect(errors).toBeLessThanOrEqual(3);
      expect(events.filter(({ type }) => type === "picked")).toHaveLength(40);
    },
  );

  test("are retried at intervals and no longer counted once they end", () => {
    const { errors, clock, pick, of, answer } = play(401, 1_200);
    expect(errors).toBeGreaterThan(3);
    expect(errors).toBeLessThan(20);
    clock.ms += 60_000;
    expect(pick().endpoint).toBe(first);
    answer(first, { status: 200 });
    clock.ms += 60_000;
    expect(of(first)).toMatchObject({ errorShare: 0, isAvoided: false });
  });

  test("change nothing if all endpoints have the same error share", () => {
    const { answer, of, scrape, pick } = setup();
    for (const address of [first, second]) answer(address, { status: 401 }, 20);
    expect([of(first), of(second)]).toMatchObject([
      { errorShare: 0, isAvoided: false },
      { errorShare: 0, isAvoided: false },
    ]);
    scrape(second, { runningRequests: 1 });
    expect(pick().endpoint).toBe(first);
  });

  test("make an endpoint less attractive before it is avoided: one error outweighs a few requests", () => {
    const { answer, of, scrape, pick } = setup();
    scrape(second, { runningRequests: 3 });
    answer(first, { ok: false });
    expect(of(first).isAvoided).toBe(false);
    expect(pick().endpoint).toBe(second);
  });

  test.each([
    { count: 1, most: 0 },
    { count: 2, most: 1 },
    { count: 5, most: 2 },
  ])(
    "of $count endpoints never avoid more than $most, ejected ones included",
    ({ count, most }) => {
      const all = Array.from({ length: count }, (_, i) => `10.0.1.${i}:1`);
      const { answer, pool, pick } = setup({}, [...all]);
      for (const address of all.slice(0, count - 1)) answer(address, { status: 401 }, 9);
      answer(all[0] ?? "", { ok: false }, 5);
      const out = pool.snapshot().endpoints.filter((each) => each.isAvoided || each.isEjected);
      expect(out).toHaveLength(most);
      expect(all).toContain(pick().endpoint);
    },
  );

  test("are reported once in ten seconds, with the share", () => {
    const { answer, pool, clock, events } = setup();
    for (let i = 0; i < 3; i++) {
      answer(first, { status: 401 }, 9);
      pool.snapshot();
      answer(first, { status: 200 });
    }
    expect(events).toEqual([
      { type: "avoided", pool: "pool", endpoint: first, errorShare: expect.closeTo(9 / 11) },
    ]);
    clock.ms += 10_000;
    answer(first, { status: 401 }, 9);
    pool.snapshot();
    expect(events).toHaveLength(2);
  });

  test("keep an endpoint from the fallbacks while others are left", () => {
    const third = "10.0.0.3:8000";
    const { answer, pick } = setup({ maxFallbacks: 1 }, [first, second, third]);
    answer(first, { status: 401 }, 9);
    expect([pick().fallbacks, pick().fallbacks].flat()).not.toContain(first);
  });

  test("are reset when the server restarts", () => {
    const { answer, of, scrape } = setup();
    scrape(first, { processStartS: 10 });
    answer(first, { status: 401 }, 9);
    expect(of(first).errorShare).toBeGreaterThan(0.5);
    scrape(first, { processStartS: 20 });
    expect(of(first).errorShare).toBe(0);
  });

  test("a reinstated endpoint gets one request a second until it answers", () => {
    const { answer, clock, pick } = setup({ health: { failuresToEject: 1 } });
    answer(first, { ok: false });
    clock.ms += 120_000;
    const picked = () => pick().endpoint;
    const burst = Array.from({ length: 6 }, picked);
    expect(burst.filter((each) => each === first)).toHaveLength(1);
    clock.ms += 1_001;
    expect(Array.from({ length: 6 }, picked).filter((each) => each === first)).toHaveLength(1);
    answer(first, { status: 200 });
    expect(Array.from({ length: 6 }, picked).filter((each) => each === first)).toHaveLength(6);
  });
});

describe("a 404", () => {
  const adapted: InferenceRequest = {
    model: "sql",
    adapter: "sql",
    prompt: new Uint8Array(2_560).fill(65),
    subset: [first],
  };

  test("removes its adapter and its prompt from what is known, even after the lease has ended", () => {
    const { pool, pick, of } = setup();
    // A pool records prompts only after a scorer has used them.
    pick({ ...base, prompt: new Uint8Array(100) });
    const kept = pick({ ...adapted, model: "chat", adapter: "chat" });
    const { lease } = pick(adapted);
    const before = of(first).prefixBlocks;
    expect(of(first).recentAdapters).toEqual(new Set(["chat", "sql"]));
    lease.release();
    pool.recordAnswer(first, { status: 404 }, lease);
    expect(of(first).recentAdapters).toEqual(new Set(["chat"]));
    expect(before - of(first).prefixBlocks).toBe(before / 2);
    kept.lease.fail(404);
    expect(of(first)).toMatchObject({ prefixBlocks: 0, recentAdapters: new Set() });
  });

  test("without the lease, or with another status, removes nothing", () => {
    const { pool, pick, of } = setup();
    const { lease } = pick(adapted);
    pool.recordAnswer(first, { status: 404 });
    pool.recordAnswer(first, { status: 400 }, lease);
    expect(of(first).recentAdapters).toEqual(new Set(["sql"]));
  });

  test("to a request without a prompt and an adapter is only counted", () => {
    const { pick, of } = setup();
    pick({ ...base, subset: [first] }).lease.fail(404);
    expect(of(first)).toMatchObject({ prefixBlocks: 0, recentAdapters: new Set() });
    expect(of(first).errorShare).toBeGreaterThan(0);
  });
});
