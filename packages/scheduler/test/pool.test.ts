import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import {
  admitAll,
  createPool,
  createProfile,
  decisionTreeProfile,
  defineFilter,
  defineScorer,
  type InferenceRequest,
  labelFilter,
  maxScorePicker,
  noHitLruScorer,
  type PoolEvent,
  type PoolOptions,
  type PoolState,
  prefixCacheScorer,
} from "@umbra/scheduler";
import fc from "fast-check";
import { metrics } from "./fixtures.ts";

const base: InferenceRequest = { model: "base" };
const addresses = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"];
const [first = "", second = "", third = ""] = addresses;

function setup(overrides: Partial<PoolOptions> = {}) {
  const clock = { ms: 1_000 };
  const events: PoolEvent[] = [];
  const pool = createPool({
    name: "pool",
    now: () => clock.ms,
    random: () => 0,
    onEvent: (event) => events.push(event),
    ...overrides,
  });
  pool.setEndpoints(addresses);
  const scrape = (address: string, known = {}, startedMs = clock.ms) =>
    pool.recordScrape(address, metrics({ scrapedAtMs: clock.ms, ...known }), startedMs);
  return { pool, clock, events, scrape };
}

function picked(pool: PoolState, request: InferenceRequest = base) {
  const result = pool.pick(request);
  if (!result.ok) throw new Error(result.code);
  return result;
}

const of = (pool: PoolState, address: string) =>
  pool.snapshot().endpoints.find((each) => each.address === address);

describe("a pool", () => {
  test("spreads a burst between two scrapes within one request, and names other endpoints as fallbacks", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (count, draws) => {
          const { pool, scrape } = setup({ random: () => draws.next().value ?? 0 });
          for (const address of addresses) scrape(address);
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

  test("a scrape takes over the requests that were sent before it began", () => {
    const { pool, clock, scrape } = setup();
    pool.setEndpoints([first]);
    const early = picked(pool);
    clock.ms += 10;
    const startedMs = clock.ms;
    clock.ms += 10;
    const late = picked(pool);
    scrape(first, { runningRequests: 1 }, startedMs);
    expect(of(pool, first)).toMatchObject({ inFlight: 2, sentSinceScrape: 1 });
    early.lease.done();
    expect(of(pool, first)).toMatchObject({ inFlight: 1, sentSinceScrape: 1 });
    late.lease.done();
    expect(of(pool, first)).toMatchObject({ inFlight: 0, sentSinceScrape: 0 });
  });

  test("metrics grow stale, and a failed scrape keeps them", () => {
    const { pool, clock, scrape } = setup({ staleAfterMs: 500 });
    scrape(first);
    clock.ms += 500;
    expect(of(pool, first)).toMatchObject({ metrics: { kind: "fresh" } });
    clock.ms += 1;
    pool.recordScrapeFailure(first, "no answer in time");
    expect(of(pool, first)).toMatchObject({
      metrics: { kind: "stale" },
      metricsAgeMs: 501,
      lastFailure: "no answer in time",
    });
    expect(of(pool, second)?.metrics).toEqual({ kind: "missing" });
    scrape(first);
    expect(of(pool, first)).not.toHaveProperty("lastFailure");
  });

  test("metrics are stale after two seconds by default", () => {
    const { pool, clock, scrape } = setup();
    scrape(first);
    clock.ms += 2_001;
    expect(of(pool, first)?.metrics.kind).toBe("stale");
  });

  test("sends a burst for a cold adapter to one endpoint, and others elsewhere", () => {
    const { pool, scrape } = setup();
    for (const address of addresses) scrape(address, { maxActiveAdapters: 1 });
    const sql = Array.from(
      { length: 5 },
      () => picked(pool, { model: "sql", adapter: "sql" }).endpoint,
    );
    expect(new Set(sql).size).toBe(1);
    expect(picked(pool, { model: "tweet", adapter: "tweet" }).endpoint).not.toBe(sql[0]);
  });

  test("drops the least recently sent adapter beyond the endpoint's slots, or beyond 8", () => {
    const { pool, scrape } = setup();
    pool.setEndpoints([first]);
    for (let i = 0; i < 20; i++) picked(pool, { model: `a${i}`, adapter: `a${i}` });
    expect(of(pool, first)?.recentAdapters.size).toBe(8);
    scrape(first, { maxActiveAdapters: 2 });
    expect(of(pool, first)?.recentAdapters).toEqual(new Set(["a18", "a19"]));
    for (const adapter of ["a", "b", "a", "c"]) picked(pool, { model: adapter, adapter });
    expect(of(pool, first)?.recentAdapters).toEqual(new Set(["a", "c"]));
  });

  test("remembers adapters of a server that does not report them", () => {
    const { maxActiveAdapters: _, ...untold } = metrics({ scrapedAtMs: 1_000 });
    const { pool } = setup();
    const scrapeAll = () => {
      for (const address of addresses) pool.recordScrape(address, untold, 1_000);
    };
    scrapeAll();
    const sql = picked(pool, { model: "sql", adapter: "sql" }).endpoint;
    scrapeAll();
    expect(of(pool, sql)?.recentAdapters).toEqual(new Set(["sql"]));
    expect(picked(pool, { model: "sql", adapter: "sql" }).endpoint).toBe(sql);
  });

  test("keeps the state of endpoints that stay, with their newest labels", () => {
    const { pool, scrape } = setup();
    scrape(first, { waitingRequests: 7 });
    pool.setEndpoints([{ address: first, labels: { tier: "gold" } }, "10.0.0.9:8000"]);
    scrape(second);
    pool.recordScrapeFailure(second, "gone");
    pool.recordAnswer(second, { ok: false });
    expect(pool.addresses()).toEqual([first, "10.0.0.9:8000"]);
    expect(
      pool.snapshot().endpoints.map(({ labels, metrics: state }) => [labels, state.kind]),
    ).toEqual([
      [{ tier: "gold" }, "fresh"],
      [{}, "missing"],
    ]);
  });

  test("a snapshot does not change after it was taken", () => {
    const { pool } = setup();
    const before = pool.snapshot();
    picked(pool);
    expect(before.endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0]);
  });

  test("has a clock and random numbers where none are given", () => {
    const pool = createPool({ name: "pool" });
    pool.setEndpoints([first]);
    expect(pool.pick(base)).toMatchObject({ ok: true, endpoint: first, fallbacks: [] });
  });

  test("names as many fallbacks as asked for: fresh before stale, short queues first, ejected last", () => {
    const { pool, clock, scrape } = setup({
      maxFallbacks: 3,
      health: { failuresToEject: 1 },
    });
    const all = [...addresses, "10.0.0.4:8000", "10.0.0.5:8000"];
    pool.setEndpoints(all);
    scrape(third);
    clock.ms += 2_001;
    for (const [waitingRequests, address] of [first, second, "10.0.0.5:8000"].entries()) {
      scrape(address, { waitingRequests });
    }
    pool.recordAnswer("10.0.0.5:8000", { ok: false });
    const { endpoint, fallbacks } = picked(pool);
    expect([endpoint, ...fallbacks]).toEqual([first, second, third, "10.0.0.4:8000"]);
    const one = setup({ maxFallbacks: 1 });
    for (const [i, address] of addresses.entries()) one.scrape(address, { waitingRequests: 3 - i });
    expect(picked(one.pool)).toMatchObject({ endpoint: third, fallbacks: [second] });
    const bare = setup({ maxFallbacks: 0 }).pool;
    expect(picked(bare).fallbacks).toEqual([]);
  });
});

describe("fallbacks", () => {
  test("are endpoints that the request may go to: what a demand leaves out is never named", () => {
    const profile = createProfile({
      name: "test",
      filters: [labelFilter({ label: "region", values: ["eu"] })],
      picker: maxScorePicker,
    });
    const { pool } = setup({ profiles: [{ profile }], maxFallbacks: 2 });
    pool.setEndpoints([
      { address: first, labels: { region: "eu" } },
      { address: second, labels: { region: "us" } },
      { address: third, labels: { region: "eu" } },
    ]);
    expect(picked(pool)).toMatchObject({ endpoint: third, fallbacks: [first] });
  });

  test("of the decision tree have capacity for requests that need it", () => {
    const { pool, scrape } = setup({
      profiles: [{ profile: decisionTreeProfile() }],
      admission: admitAll(),
    });
    scrape(first, { waitingRequests: 1 });
    scrape(second, { waitingRequests: 6 });
    scrape(third, { waitingRequests: 5 });
    expect(picked(pool)).toMatchObject({ endpoint: first, fallbacks: [third] });
    expect(picked(pool, { model: "base", criticality: "Critical" })).toMatchObject({
      endpoint: first,
      fallbacks: [third, second],
    });
  });
});

describe("what can't be", () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, -5];

  test.each(odd)("a count of %d tokens leaves nothing behind", (tokens) => {
    const { pool } = setup();
    pool.setEndpoints([first]);
    const { lease } = picked(pool, {
      model: "base",
      prompt: new Uint8Array(400),
      promptTokens: tokens,
      expectedOutputTokens: tokens,
    });
    expect(of(pool, first)).toMatchObject({ pendingPromptTokens: 100, pendingOutputTokens: 256 });
    lease.done({ outputTokens: tokens });
    expect(of(pool, first)).toMatchObject({ pendingPromptTokens: 0, pendingOutputTokens: 0 });
    picked(pool);
    expect(of(pool, first)).toMatchObject({ pendingOutputTokens: 256 });
  });

  test.each(odd)("a first token after %d ms was never seen", (ttftMs) => {
    const { pool } = setup();
    pool.recordAnswer(first, { ok: true, ttftMs });
    expect(of(pool, first)?.ttftMs).toBeUndefined();
  });

  test("a listener that throws loses no lease", () => {
    const { pool } = setup({
      onEvent(event) {
        if (event.type === "picked") throw new Error("no");
      },
    });
    expect(() => pool.pick(base)).toThrow("no");
    expect(pool.snapshot().endpoints.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0]);
  });

  test("an endpoint that is gone is not ejected", () => {
    const { pool, events } = setup({ health: { failuresToEject: 1 } });
    const { endpoint, lease } = picked(pool);
    pool.setEndpoints(addresses.filter((address) => address !== endpoint));
    lease.fail();
    expect(events.filter(({ type }) => type === "ejected")).toEqual([]);
  });
});

describe("a pool refuses", () => {
  test("every request while it is empty", () => {
    const { pool, events } = setup();
    pool.setEndpoints([]);
    expect(pool.pick(base)).toEqual({ ok: false, code: "POOL_EMPTY" });
    expect(events).toEqual([
      { type: "refused", pool: "pool", profile: undefined, code: "POOL_EMPTY", tookMs: 0 },
    ]);
  });

  test.each<{ name: string; request: Partial<InferenceRequest>; want: string }>([
    { name: "an empty subset", request: { subset: [] }, want: "NO_ELIGIBLE_ENDPOINT" },
    {
      name: "a subset of strangers",
      request: { subset: ["10.9.9.9:1"] },
      want: "NO_ELIGIBLE_ENDPOINT",
    },
    { name: "all excluded", request: { exclude: addresses }, want: "NO_ELIGIBLE_ENDPOINT" },
    { name: "a subset by address", request: { subset: [second] }, want: second },
    { name: "a subset by host", request: { subset: ["10.0.0.3"] }, want: third },
    {
      name: "one excluded of a subset",
      request: { subset: [first, second], exclude: [first] },
      want: second,
    },
    { name: "none excluded", request: { exclude: [] }, want: "any" },
    { name: "two excluded", request: { exclude: [first, third] }, want: second },
  ])("or goes where the request may: $name", ({ request, want }) => {
    const result = setup().pool.pick({ ...base, ...request });
    expect(want === "any" ? addresses : [want]).toContain(
      result.ok ? result.endpoint : result.code,
    );
  });

  test.each<{ name: string; request: Partial<InferenceRequest>; want: string }>([
    { name: "the only one that is ready", request: { exclude: [first, third] }, want: second },
    {
      name: "the only one whose list has the adapter",
      request: { model: "sql", exclude: [second] },
      want: first,
    },
    {
      name: "a subset's only one that is ready",
      request: { subset: [first, third], exclude: [first] },
      want: third,
    },
    {
      name: "the only one that is ready of those with the base model",
      request: { model: "other", exclude: [first] },
      want: third,
    },
    {
      name: "the whole subset",
      request: { subset: [first], exclude: [first] },
      want: "NO_ELIGIBLE_ENDPOINT",
    },
  ])("nothing where another may be tried: excluded is $name", ({ request, want }) => {
    const { pool } = setup();
    const other = { base: ["base", "other"], adapters: [] };
    pool.recordModels(first, other);
    pool.recordModels(second, { base: ["base"], adapters: ["sql"] });
    pool.recordModels(third, other);
    for (const address of [second, third]) pool.recordReadiness(address, false);
    const result = pool.pick({ ...base, ...request });
    expect(result.ok ? result.endpoint : result.code).toBe(want);
  });

  test("an address without a port belongs to no host", () => {
    const { pool } = setup();
    pool.setEndpoints(["server"]);
    expect(pool.pick({ ...base, subset: [""] }).ok).toBe(true);
    expect(pool.pick({ ...base, subset: ["serve"] }).ok).toBe(false);
  });

  test("what a demanding filter leaves nothing for, by the filter's name", () => {
    const profile = createProfile({
      name: "gold",
      filters: [labelFilter({ label: "tier", values: ["gold"] })],
      picker: maxScorePicker,
    });
    const { pool, events } = setup({ profiles: [{ profile }] });
    expect(pool.pick(base)).toEqual({
      ok: false,
      code: "NO_ELIGIBLE_ENDPOINT",
      by: "label:tier",
    });
    expect(events[0]).toMatchObject({ type: "refused", profile: "gold" });
  });

  test("sheddable requests while it is saturated, and says when to come back", () => {
    const { pool, scrape } = setup();
    for (const address of addresses) scrape(address, { waitingRequests: 5 });
    expect(pool.saturation()).toBe(1);
    expect(pool.snapshot().saturation).toBe(1);
    const sheddable: InferenceRequest = { model: "base", criticality: "Sheddable" };
    expect(pool.pick(sheddable)).toEqual({ ok: false, code: "SHED", retryAfterMs: 1_000 });
    expect(pool.pick(base).ok).toBe(true);
    scrape(first, { waitingRequests: 4 });
    expect(pool.pick(sheddable).ok).toBe(true);
  });

  test("sheddable requests while all that are ready are full", () => {
    const { pool, scrape } = setup();
    for (const address of [first, second]) scrape(address, { waitingRequests: 5 });
    scrape(third);
    expect(pool.saturation()).toBeLessThan(1);
    pool.recordReadiness(third, false);
    expect([pool.saturation(), pool.snapshot().saturation]).toEqual([1, 1]);
    expect(pool.snapshot().endpoints).toHaveLength(3);
    for (const address of [first, second]) pool.recordReadiness(address, false);
    expect(pool.saturation()).toBeLessThan(1);
    pool.recordReadiness(third, true);
    expect([pool.saturation(), pool.snapshot().saturation]).toEqual([0, 0]);
  });
});

describe("profiles", () => {
  const named = (name: string) => createProfile({ name, picker: maxScorePicker });

  test("the first profile whose rule matches is used, and otherwise the default one", () => {
    const { pool, events } = setup({
      profiles: [
        { profile: named("critical"), when: ({ criticality }) => criticality === "Critical" },
        { profile: named("eu"), when: ({ attributes }) => attributes?.region === "eu" },
      ],
    });
    picked(pool, { model: "base", criticality: "Critical" });
    picked(pool, { model: "base", attributes: { region: "eu" } });
    picked(pool);
    expect(events.map((event) => event.type === "picked" && event.profile)).toEqual([
      "critical",
      "eu",
      "default",
    ]);
  });

  test("plugins see picks, and no explanations", () => {
    const told: string[] = [];
    const plugin = (name: string) => ({
      onPicked: (_request: InferenceRequest, { address }: { address: string }) => {
        told.push(`${name} ${address}`);
      },
    });
    const profile = createProfile({
      name: "test",
      filters: [{ ...defineFilter({ name: "all", keep: () => true }), ...plugin("filter") }],
      scorers: [
        {
          scorer: { ...defineScorer({ name: "one", rate: () => 1 }), ...plugin("scorer") },
          weight: 1,
        },
      ],
      picker: maxScorePicker,
    });
    const { pool } = setup({ profiles: [{ profile }] });
    pool.setEndpoints([first]);
    pool.explain(base);
    expect(told).toEqual([]);
    picked(pool);
    expect(told).toEqual([`filter ${first}`, `scorer ${first}`]);
  });
});

describe("explanations", () => {
  test("tell every filter's survivors and every scorer's scores", () => {
    const { pool, scrape } = setup();
    for (const address of [first, second]) scrape(address);
    scrape(second, { waitingRequests: 10 });
    const { explanation } = pool.pick(base, { explain: true });
    expect(explanation).toEqual({
      profile: "default",
      candidates: addresses,
      filters: [
        { name: "engine-ready", survivors: addresses, isSkipped: false },
        { name: "circuit-broken", survivors: addresses, isSkipped: false },
        { name: "fresh-metrics", survivors: [first, second], isSkipped: false },
      ],
      scorers: [
        {
          name: "expected-work",
          weight: 1,
          scores: [
            { endpoint: first, score: 1 },
            { endpoint: second, score: 0 },
          ],
        },
      ],
      totals: [
        { endpoint: first, score: 1 },
        { endpoint: second, score: 0 },
      ],
      picker: "max-score",
      picked: first,
    });
    expect(pool.explain(base)).toEqual(explanation);
  });

  test("tell what was refused, and by what", () => {
    const { pool } = setup({
      profiles: [
        {
          profile: createProfile({
            name: "gold",
            filters: [
              defineFilter({ name: "nobody", keep: () => false }),
              labelFilter({ label: "tier" }),
            ],
            picker: maxScorePicker,
          }),
        },
      ],
    });
    expect(pool.explain(base)).toEqual({
      profile: "gold",
      candidates: addresses,
      filters: [
        { name: "nobody", survivors: addresses, isSkipped: true },
        { name: "label:tier", survivors: [], isSkipped: false },
      ],
      scorers: [],
      totals: [],
      picker: "max-score",
      refusal: "NO_ELIGIBLE_ENDPOINT",
    });
    pool.setEndpoints([]);
    expect(pool.pick(base, { explain: true })).toMatchObject({
      ok: false,
      explanation: { profile: "", picker: "", candidates: [], refusal: "POOL_EMPTY" },
    });
  });

  test("an explanation changes nothing", () => {
    const { pool, events } = setup();
    const before = pool.snapshot();
    pool.explain({ model: "sql", adapter: "sql", prompt: new Uint8Array(1_000) });
    expect(pool.snapshot()).toEqual(before);
    expect(events).toEqual([]);
  });
});

describe("a lease", () => {
  test("counts a request in flight until its end, once", () => {
    const { pool } = setup();
    const { lease, endpoint } = picked(pool, { model: "base", promptTokens: 100 });
    expect(lease.endpoint).toBe(endpoint);
    expect(of(pool, endpoint)).toMatchObject({
      inFlight: 1,
      pendingPromptTokens: 100,
      pendingOutputTokens: 256,
    });
    for (const end of [() => lease.done(), () => lease.fail(), () => lease.release()]) end();
    lease.firstToken();
    expect(of(pool, endpoint)).toMatchObject({
      inFlight: 0,
      sentSinceScrape: 0,
      pendingPromptTokens: 0,
      pendingOutputTokens: 0,
      ttftMs: undefined,
    });
  });

  test("moves to the fallback that has served, with all that is counted", () => {
    const { pool, clock, events } = setup();
    const { lease, endpoint, fallbacks } = picked(pool, { model: "base", promptTokens: 100 });
    const [next = ""] = fallbacks;
    lease.servedBy("10.9.9.9:1");
    lease.servedBy(endpoint);
    expect(lease.endpoint).toBe(endpoint);
    lease.servedBy(next);
    expect(lease.endpoint).toBe(next);
    expect(of(pool, endpoint)).toMatchObject({
      inFlight: 0,
      sentSinceScrape: 0,
      pendingPromptTokens: 0,
      pendingOutputTokens: 0,
    });
    expect(of(pool, next)).toMatchObject({
      inFlight: 1,
      sentSinceScrape: 1,
      pendingPromptTokens: 100,
      pendingOutputTokens: 256,
    });
    clock.ms += 50;
    lease.firstToken();
    expect(of(pool, next)?.ttftMs).toBe(50);
    expect(of(pool, endpoint)?.ttftMs).toBeUndefined();
    lease.fail();
    lease.servedBy(endpoint);
    expect(pool.snapshot().endpoints.map((each) => each.inFlight)).toEqual([0, 0, 0]);
    // Five failures of the fallback eject it, and not the one that was picked.
    for (let i = 0; i < 4; i++) {
      const more = picked(pool, { model: "base", subset: [endpoint] });
      more.lease.servedBy(next);
      more.lease.fail();
    }
    expect(events.filter(({ type }) => type === "ejected")).toMatchObject([{ endpoint: next }]);
  });

  test("reports the time to first token as a moving average", () => {
    const { pool, clock } = setup();
    pool.setEndpoints([first]);
    const one = picked(pool, { model: "base", promptTokens: 100 });
    clock.ms += 1_000;
    one.lease.start();
    clock.ms += 200;
    one.lease.firstToken();
    clock.ms += 100;
    one.lease.firstToken();
    one.lease.start();
    expect(of(pool, first)).toMatchObject({ ttftMs: 200, pendingPromptTokens: 0, inFlight: 1 });
    const two = picked(pool);
    clock.ms += 400;
    two.lease.firstToken();
    expect(of(pool, first)?.ttftMs).toBeCloseTo(220);
    pool.recordAnswer(first, { ok: true, ttftMs: 120 });
    expect(of(pool, first)?.ttftMs).toBeCloseTo(210);
  });

  test("the time to first token is reset after a minute without one, so that the endpoint is tried again", () => {
    const { pool, clock } = setup();
    pool.recordAnswer(first, { ok: true, ttftMs: 9_000 });
    clock.ms += 60_000;
    expect(of(pool, first)?.ttftMs).toBe(9_000);
    clock.ms += 1;
    expect(of(pool, first)?.ttftMs).toBeUndefined();
  });

  test("the output to be expected is what requests got lately, or what they say", () => {
    const { pool } = setup();
    pool.setEndpoints([first]);
    const one = picked(pool, { model: "base", expectedOutputTokens: 50 });
    expect(of(pool, first)?.pendingOutputTokens).toBe(50);
    one.lease.done({ outputTokens: 1_256 });
    picked(pool).lease.done({});
    picked(pool);
    expect(of(pool, first)?.pendingOutputTokens).toBeCloseTo(356);
  });

  test("a prompt counts as computed after its estimated time if no first token is reported", () => {
    const { pool, clock, scrape } = setup();
    pool.setEndpoints([first]);
    picked(pool, { model: "base", promptTokens: 8_000 });
    clock.ms += 1_000;
    scrape(first);
    expect(of(pool, first)?.pendingPromptTokens).toBe(8_000);
    clock.ms += 1;
    scrape(first);
    expect(of(pool, first)).toMatchObject({ pendingPromptTokens: 0, inFlight: 1 });
  });

  test("conserves: what is counted is what is open, whatever happens", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("pick" as const), tokens: fc.nat({ max: 5_000 }) }),
      fc.record({
        do: fc.constantFrom("done", "fail", "release", "firstToken", "start"),
        which: fc.nat({ max: 40 }),
      }),
      fc.record({
        do: fc.constant("servedBy" as const),
        which: fc.nat({ max: 40 }),
        by: fc.nat({ max: 4 }),
      }),
      fc.record({
        do: fc.constant("scrape" as const),
        which: fc.nat({ max: 4 }),
        agoMs: fc.nat({ max: 50 }),
      }),
      fc.record({ do: fc.constant("endpoints" as const), mask: fc.nat({ max: 31 }) }),
      fc.record({ do: fc.constant("wait" as const), ms: fc.nat({ max: 3_000 }) }),
    );
    const all = [...addresses, "10.0.0.4:8000", "10.0.0.5:8000"];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { pool, clock, scrape } = setup();
        const shared = new Uint8Array(20_000);
        const leases: ReturnType<typeof picked>["lease"][] = [];
        for (const each of steps) {
          if (each.do === "pick") {
            const result = pool.pick({
              model: "base",
              promptTokens: each.tokens,
              prompt: shared.subarray(0, 4 * each.tokens),
            });
            if (result.ok) leases.push(result.lease);
          } else if (each.do === "scrape") {
            scrape(all[each.which] ?? "", {}, clock.ms - each.agoMs);
          } else if (each.do === "servedBy") {
            leases[each.which]?.servedBy(all[each.by] ?? "");
          } else if (each.do === "endpoints") {
            pool.setEndpoints(all.filter((_, i) => (each.mask >> i) % 2 === 1));
          } else if (each.do === "wait") {
            clock.ms += each.ms;
          } else {
            leases[each.which]?.[each.do as "done"](
              each.do === "done" ? { outputTokens: each.which ** 2 } : undefined,
            );
          }
          for (const endpoint of pool.snapshot().endpoints) {
            expect(endpoint.inFlight).toBeGreaterThanOrEqual(0);
            expect(endpoint.sentSinceScrape).toBeGreaterThanOrEqual(0);
            expect(endpoint.sentSinceScrape).toBeLessThanOrEqual(endpoint.inFlight);
            expect(endpoint.pendingPromptTokens).toBeGreaterThanOrEqual(0);
            expect(endpoint.pendingOutputTokens).toBeGreaterThanOrEqual(0);
          }
        }
        for (const lease of leases) lease.release();
        for (const endpoint of pool.snapshot().endpoints) {
          expect(endpoint).toMatchObject({
            inFlight: 0,
            sentSinceScrape: 0,
            pendingPromptTokens: 0,
            pendingOutputTokens: 0,
          });
        }
      }),
    );
  });

  test("one that is thrown away is released and reported", async () => {
    const events: PoolEvent[] = [];
    const pool = createPool({
      name: "pool",
      detectLeaks: true,
      onEvent: (event) => events.push(event),
    });
    pool.setEndpoints([first]);
    picked(pool).lease.done();
    for (let i = 0; i < 50; i++) picked(pool);
    await collected(() => events.some(({ type }) => type === "lease_leaked"));
    expect(events.find(({ type }) => type === "lease_leaked")).toMatchObject({ endpoint: first });
    expect(of(pool, first)?.inFlight).toBeLessThan(50);
  }, 60_000);
});

test("a pool lets a prompt go as soon as its pick is over", async () => {
  const profile = createProfile({
    name: "test",
    scorers: [
      { scorer: prefixCacheScorer(), weight: 1 },
      { scorer: noHitLruScorer(), weight: 1 },
    ],
    picker: maxScorePicker,
  });
  const { pool } = setup({ profiles: [{ profile }] });
  let gone = 0;
  const registry = new FinalizationRegistry(() => gone++);
  const asking = (use: (request: InferenceRequest) => void) => {
    const request = { model: "base", prompt: new Uint8Array(1_000) };
    registry.register(request, undefined);
    use(request);
  };
  asking((request) => pool.explain(request));
  asking((request) => picked(pool, request));
  await collected(() => gone === 2);
  expect(gone).toBe(2);
}, 60_000);

/** Runs the garbage collector until it is done. A full collection takes half a second where other suites ran before. */
async function collected(isDone: () => boolean): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 100 && !isDone(); i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("an endpoint whose metrics show no load yet", () => {
  const noLoad = { showsLoad: false };
  const kindOf = (pool: PoolState) => of(pool, first)?.metrics.kind;
  const answer = (pool: PoolState) => pool.recordAnswer(first, { status: 200 });
  const why = "the metrics page shows no load, though the endpoint has answered requests";

  test("is believed until 10 s after its first good answer", () => {
    const { pool, clock, scrape } = setup();
    clock.ms += 60_000;
    scrape(first, noLoad);
    expect(kindOf(pool)).toBe("fresh");
    pool.recordAnswer(first, { status: 500 });
    clock.ms += 60_000;
    scrape(first, noLoad);
    expect(kindOf(pool)).toBe("fresh");
    answer(pool);
    clock.ms += 10_000;
    answer(pool);
    scrape(first, noLoad);
    expect(of(pool, first)).toMatchObject({ metrics: { kind: "fresh" } });
    expect(of(pool, first)?.lastFailure).toBeUndefined();
    clock.ms += 2_001;
    expect(scrape(first, noLoad)).toBe(false);
    expect(of(pool, first)).toMatchObject({ metrics: { kind: "stale" }, lastFailure: why });
    expect(scrape(first, {})).toBe(true);
    expect(of(pool, first)).toMatchObject({ metrics: { kind: "fresh" } });
    expect(of(pool, first)?.lastFailure).toBeUndefined();
  });

  test("is believed by the time at which the scrape began", () => {
    const { pool, clock, scrape } = setup();
    answer(pool);
    const startedMs = clock.ms + 10_000;
    clock.ms += 10_500;
    scrape(first, noLoad, startedMs);
    expect(kindOf(pool)).toBe("fresh");
  });

  test("counts as never scraped where no other page was read", () => {
    const { pool, clock, scrape } = setup();
    answer(pool);
    clock.ms += 10_001;
    scrape(first, noLoad);
    expect(of(pool, first)).toMatchObject({ metrics: { kind: "missing" }, lastFailure: why });
    expect(pool.knownLoad()).toMatchObject({
      lastFailureKind: "the metrics page has no request counts",
    });
  });

  test.each([
    { name: "whose page showed load before", before: {}, after: {} },
    {
      name: "with a later start time",
      before: { ...noLoad, processStartS: 10 },
      after: { processStartS: 20 },
    },
  ])("is believed again after a restart: one $name", ({ before, after }) => {
    const { pool, clock, scrape } = setup();
    scrape(first, before);
    answer(pool);
    clock.ms += 10_001;
    scrape(first, { ...noLoad, ...after });
    expect(kindOf(pool)).toBe("fresh");
    clock.ms += 60_000;
    scrape(first, { ...noLoad, ...after });
    expect(kindOf(pool)).toBe("fresh");
    answer(pool);
    clock.ms += 10_001;
    scrape(first, { ...noLoad, ...after });
    expect(kindOf(pool)).toBe("stale");
  });
});

describe("passive health", () => {
  function failing(options: PoolOptions["health"] = {}) {
    const made = setup({ health: options });
    const fail = (address: string, times = 1) => {
      for (let i = 0; i < times; i++) made.pool.recordAnswer(address, { ok: false });
    };
    const isEjected = (address: string) => of(made.pool, address)?.isEjected;
    return { ...made, fail, isEjected };
  }

  test("ejects after five failures in a row, and sends nothing there", () => {
    const { pool, fail, isEjected, events } = failing();
    fail(first, 4);
    pool.recordAnswer(first, { ok: true });
    fail(first, 4);
    expect(isEjected(first)).toBe(false);
    fail(first);
    expect(isEjected(first)).toBe(true);
    expect(events.at(-1)).toEqual({
      type: "ejected",
      pool: "pool",
      endpoint: first,
      forMs: 5_000,
    });
    expect(new Set([picked(pool), picked(pool)].map(({ endpoint }) => endpoint))).not.toContain(
      first,
    );
  });

  test("counts failed leases, and not those that a client has given up", () => {
    const { pool, isEjected } = failing({ failuresToEject: 1 });
    picked(pool, { ...base, subset: [first] }).lease.release();
    expect(isEjected(first)).toBe(false);
    picked(pool, { ...base, subset: [first] }).lease.fail();
    expect(isEjected(first)).toBe(true);
  });

  test("reinstates it after its time, and ejects it for twice as long at its next failure", () => {
    const { clock, fail, isEjected, events } = failing();
    fail(first, 5);
    clock.ms += 4_999;
    expect(isEjected(first)).toBe(true);
    clock.ms += 1;
    expect(isEjected(first)).toBe(false);
    fail(first);
    expect(events.at(-1)).toMatchObject({ type: "ejected", forMs: 10_000 });
    clock.ms += 10_000;
    expect(isEjected(first)).toBe(false);
    expect(events.at(-1)).toEqual({ type: "reinstated", pool: "pool", endpoint: first });
  });

  test("one success ends the probation; the ejection time is reset once it has worked for as long", () => {
    const { pool, clock, fail, isEjected, events } = failing();
    fail(first, 5);
    clock.ms += 5_000;
    expect(isEjected(first)).toBe(false);
    pool.recordAnswer(first, { ok: true });
    fail(first, 4);
    expect(isEjected(first)).toBe(false);
    fail(first);
    expect(events.at(-1)).toMatchObject({ forMs: 10_000 });
    clock.ms += 20_000;
    expect(isEjected(first)).toBe(false);
    pool.recordAnswer(first, { ok: true });
    fail(first, 5);
    expect(events.at(-1)).toMatchObject({ forMs: 5_000 });
  });

  test("the ejection has a longest time", () => {
    const { clock, fail, isEjected, events } = failing({
      failuresToEject: 1,
      maxEjectionMs: 8_000,
    });
    for (let i = 0; i < 5; i++) {
      fail(first);
      clock.ms += 8_000;
      expect(isEjected(first)).toBe(false);
    }
    expect(events.filter(({ type }) => type === "ejected").at(-1)).toMatchObject({ forMs: 8_000 });
  });

  test.each([
    { count: 1, options: {}, most: 0 },
    { count: 2, options: {}, most: 1 },
    { count: 5, options: {}, most: 2 },
    { count: 3, options: { maxEjectedShare: 1 }, most: 2 },
  ])("of $count never ejects more than $most", ({ count, options, most }) => {
    const { pool, fail } = failing({ failuresToEject: 1, ...options });
    const all = Array.from({ length: count }, (_, i) => `10.0.1.${i}:1`);
    pool.setEndpoints(all);
    for (const address of all) fail(address, 3);
    expect(pool.snapshot().endpoints.filter(({ isEjected }) => isEjected)).toHaveLength(most);
  });

  test("failures of an ejected endpoint are ignored", () => {
    const { fail, events } = failing({ failuresToEject: 1 });
    fail(first, 9);
    expect(events).toHaveLength(1);
  });
});

describe("a pool that is to time its picks", () => {
  const slow = (clock: { ms: number }) =>
    createProfile({
      name: "slow",
      filters: [
        {
          name: "a-filter",
          narrow(_request, endpoints) {
            clock.ms += 1;
            return endpoints;
          },
        },
      ],
      scorers: [{ scorer: defineScorer({ name: "a-scorer", rate: () => ++clock.ms }), weight: 1 }],
      picker: {
        name: "a-picker",
        pick() {
          clock.ms += 7;
          return 1;
        },
      },
    });

  test("reports the time of each plugin for one pick in `timeEvery`, and the time of every pick", () => {
    const clock = { ms: 0 };
    const profiles = [{ profile: slow(clock) }];
    const { pool, events } = setup({ profiles, timeEvery: 3, now: () => clock.ms });
    for (let i = 0; i < 4; i++) picked(pool).lease.done();
    expect(events.map(({ type }) => type)).toEqual([
      ...["timed", "picked", "picked", "picked", "timed", "picked"],
    ]);
    expect(events[0]).toEqual({
      type: "timed",
      pool: "pool",
      profile: "slow",
      steps: [
        { point: "filter", name: "a-filter", tookMs: 1 },
        { point: "scorer", name: "a-scorer", tookMs: 3 },
        { point: "picker", name: "a-picker", tookMs: 7 },
      ],
    });
    expect(events[1]).toMatchObject({ type: "picked", tookMs: 11, promptTokens: 0 });
  });

  test("reports nothing for a request that no profile has handled", () => {
    const { pool, events } = setup({ timeEvery: 1 });
    pool.setEndpoints([]);
    pool.pick(base);
    expect(events.map(({ type }) => type)).toEqual(["refused"]);
  });

  test("measures times even without a listener", () => {
    const pool = createPool({ name: "pool", timeEvery: 1 });
    pool.setEndpoints(addresses);
    expect(picked(pool).endpoint).toMatch(/^10\.0\.0/);
  });
});

describe("the prefix cache", () => {
  const profile = createProfile({
    name: "prefix",
    scorers: [{ scorer: prefixCacheScorer(), weight: 1 }],
    picker: maxScorePicker,
  });
  const cached = (overrides: Partial<PoolOptions> = {}) => {
    const made = setup({ profiles: [{ profile }], ...overrides });
    // From the first pick among several on the pool knows that its prompts matter.
    picked(made.pool, { model: "base", prompt: new Uint8Array(4) }).lease.done();
    return made;
  };
  const text = (seed: number, bytes: number) =>
    Uint8Array.from({ length: bytes }, (_, i) => (seed * 31 + i * 7) % 251);
  const shareOf = (events: readonly PoolEvent[]) => {
    const last = events.at(-1);
    return last?.type === "picked" ? last.cachedShare : undefined;
  };

  test("sends a longer prompt where its beginning went, and counts what is left to compute", () => {
    const { pool, events } = cached();
    const prompt = text(1, 2_048);
    const one = picked(pool, { model: "base", prompt });
    expect(shareOf(events)).toBe(0);
    one.lease.done();
    const longer = Uint8Array.from([...prompt, ...text(2, 2_048)]);
    const two = picked(pool, { model: "base", prompt: longer });
    expect(two.endpoint).toBe(one.endpoint);
    expect(shareOf(events)).toBe(0.5);
    expect(of(pool, two.endpoint)?.pendingPromptTokens).toBe(512);
  });

  test("a prompt that a fallback has served is held there", () => {
    const { pool, events } = cached();
    const prompt = text(1, 2_048);
    const one = picked(pool, { model: "base", prompt });
    const [next = ""] = one.fallbacks;
    picked(pool, { model: "base", prompt: text(2, 1_024) }).lease.done();
    one.lease.servedBy(next);
    one.lease.done();
    expect(picked(pool, { model: "base", prompt, subset: [next] }).endpoint).toBe(next);
    expect(shareOf(events)).toBe(1);
  });

  test("a prompt whose hashes are no longer kept moves without them", () => {
    const { pool, events } = cached();
    const prompt = text(1, 2_048);
    const one = picked(pool, { model: "base", prompt });
    const [next = ""] = one.fallbacks;
    const long = text(3, 256 * 2_048);
    for (let i = 0; i < 33; i++)
      picked(pool, { model: "base", prompt: long, subset: [one.endpoint] }).lease.done();
    one.lease.servedBy(next);
    picked(pool, { model: "base", prompt, subset: [next] });
    expect(shareOf(events)).toBe(0);
  });

  test("other models and adapters have other caches", () => {
    const { pool, events } = cached();
    const prompt = text(1, 2_048);
    picked(pool, { model: "base", prompt });
    for (const request of [{ model: "other" }, { model: "base", adapter: "sql" }]) {
      picked(pool, { ...request, prompt });
      expect(shareOf(events)).toBe(0);
    }
    picked(pool, { model: "base", prompt });
    expect(shareOf(events)).toBe(1);
  });

  test("a prompt shorter than a block, or none, has no prefix", () => {
    const { pool, events } = cached();
    for (const request of [{ prompt: text(1, 255) }, { prompt: text(1, 255) }, {}]) {
      picked(pool, { model: "base", ...request });
      expect(shareOf(events)).toBe(0);
    }
    expect(pool.snapshot().endpoints.every(({ prefixBlocks }) => prefixBlocks === 0)).toBe(true);
  });

  test("a part in the middle is no prefix", () => {
    const { pool, events } = cached();
    picked(pool, { model: "base", prompt: text(1, 1_024) });
    picked(pool, { model: "base", prompt: Uint8Array.from([...text(3, 256), ...text(1, 1_024)]) });
    expect(shareOf(events)).toBe(0);
  });

  test("looks no further than the longest prompt of its options", () => {
    const { pool, events } = cached({ prefix: { maxPromptTokens: 128 } });
    const prompt = text(1, 1_024);
    picked(pool, { model: "base", prompt });
    picked(pool, { model: "base", prompt });
    expect(shareOf(events)).toBe(0.5);
  });

  test.each([
    {
      name: "what the server tells",
      known: { kvBlocks: 40, kvBlockTokens: 16 },
      options: {},
      most: 10,
    },
    {
      name: "the options where it does not tell",
      known: {},
      options: { blocksPerEndpoint: 5 },
      most: 5,
    },
    {
      name: "the options where it tells half",
      known: { kvBlocks: 40 },
      options: { blocksPerEndpoint: 6 },
      most: 6,
    },
    {
      name: "its share of the whole",
      known: { kvBlocks: 400, kvBlockTokens: 16 },
      options: { maxBlocks: 9 },
      most: 3,
    },
    { name: "its share where it does not tell", known: {}, options: { maxBlocks: 9 }, most: 3 },
    {
      name: "its share where it was never scraped",
      known: undefined,
      options: { maxBlocks: 9 },
      most: 3,
    },
    { name: "at least one block", known: { kvBlocks: 1, kvBlockTokens: 16 }, options: {}, most: 1 },
  ])("keeps as many blocks as $name", ({ known, options, most }) => {
    const { pool, scrape } = cached({ prefix: options });
    if (known !== undefined) scrape(first, known);
    for (let i = 0; i < 20; i++) {
      picked(pool, { model: "base", subset: [first], prompt: text(i, 1_024) });
    }
    expect(of(pool, first)?.prefixBlocks).toBe(most);
  });

  test("shrinks when the pool grows, and when the server's cache does", () => {
    const { pool, scrape } = cached({ prefix: { maxBlocks: 12 } });
    for (let i = 0; i < 4; i++) {
      picked(pool, { model: "base", subset: [first], prompt: text(i, 1_024) });
    }
    expect(of(pool, first)?.prefixBlocks).toBe(4);
    pool.setEndpoints([...addresses, "10.0.0.4:1", "10.0.0.5:1", "10.0.0.6:1"]);
    expect(of(pool, first)?.prefixBlocks).toBe(2);
    scrape(first, { kvBlocks: 4, kvBlockTokens: 16 });
    expect(of(pool, first)?.prefixBlocks).toBe(1);
  });

  test.each([
    {
      name: "a later start",
      before: { processStartS: 100 },
      after: { processStartS: 102 },
      left: 0,
    },
    {
      name: "the same start",
      before: { processStartS: 100 },
      after: { processStartS: 100.5 },
      left: 4,
    },
    {
      name: "a counter that fell",
      before: { generationTokens: 9 },
      after: { generationTokens: 8 },
      left: 0,
    },
    {
      name: "a counter that continued",
      before: { generationTokens: 9 },
      after: { generationTokens: 9 },
      left: 4,
    },
    { name: "nothing known", before: {}, after: {}, left: 4 },
  ])("drops the cache contents of a restarted server: $name", ({ before, after, left }) => {
    const { pool, scrape, events } = cached();
    scrape(first, before);
    picked(pool, { model: "a", adapter: "a", subset: [first], prompt: text(1, 1_024) });
    scrape(first, after);
    const { prefixBlocks, recentAdapters } = of(pool, first) ?? {};
    expect([prefixBlocks, recentAdapters?.size]).toEqual(left === 0 ? [0, 0] : [4, 1]);
    expect(events.some(({ type }) => type === "restarted")).toBe(left === 0);
  });

  test("believes half of what a server held that was away and does not tell", () => {
    const { pool, clock, scrape } = cached();
    scrape(first);
    picked(pool, { model: "base", subset: [first], prompt: text(1, 1_024) });
    clock.ms += 3_000;
    pool.saturation();
    scrape(first);
    expect(of(pool, first)?.prefixBlocks).toBe(2);
    clock.ms += 3_000;
    pool.saturation();
    scrape(first, { processStartS: 1 });
    expect(of(pool, first)?.prefixBlocks).toBe(2);
    clock.ms += 3_000;
    pool.saturation();
    scrape(second);
    scrape(third);
    scrape(second);
  });

  test("half of nothing is nothing", () => {
    const { pool, clock, scrape } = cached();
    scrape(first);
    clock.ms += 3_000;
    pool.saturation();
    scrape(first);
    expect(of(pool, first)?.prefixBlocks).toBe(0);
  });
});
