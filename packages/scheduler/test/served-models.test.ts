import { describe, expect, test } from "@jest/globals";
import { createPool, type InferenceRequest, type PoolState } from "@umbra/scheduler";
import fc from "fast-check";
import { metrics } from "./fixtures.ts";

const [a, b, c] = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"] as const;

interface Lists {
  readonly [address: string]: { readonly base?: string[]; readonly adapters?: string[] };
}

function poolWith(lists: Lists, addresses: readonly string[] = [a, b, c]): PoolState {
  const pool = createPool({ name: "pool", now: () => 0 });
  pool.setEndpoints(addresses);
  for (const address of addresses) pool.recordScrape(address, metrics(), 0);
  for (const [address, { base = ["m"], adapters = [] }] of Object.entries(lists)) {
    pool.recordModels(address, { base, adapters });
  }
  return pool;
}

/** Endpoints and fallbacks that requests get, sorted. */
function reached(pool: PoolState, request: InferenceRequest): readonly string[] {
  const seen = new Set<string>();
  for (let i = 0; i < 30; i++) {
    const result = pool.pick(request);
    if (result.ok) for (const each of [result.endpoint, ...result.fallbacks]) seen.add(each);
  }
  return [...seen].toSorted();
}

function picked(pool: PoolState, request: InferenceRequest): readonly string[] {
  const results = Array.from({ length: 30 }, () => pool.pick(request));
  for (const each of results) if (each.ok) each.lease.release();
  return [...new Set(results.flatMap((each) => (each.ok ? [each.endpoint] : [])))].toSorted();
}

describe("the model lists of endpoints", () => {
  test.each<{ name: string; lists: Lists; model: string; want: readonly string[] }>([
    { name: "no list is read: any", lists: {}, model: "x", want: [a, b, c] },
    {
      name: "an adapter on some: those alone",
      lists: { [a]: {}, [b]: { adapters: ["x"] }, [c]: { adapters: ["x"] } },
      model: "x",
      want: [b, c],
    },
    {
      name: "a base model on one: that one",
      lists: { [a]: { base: ["m"] }, [b]: { base: ["n"] }, [c]: { base: ["m"] } },
      model: "n",
      want: [b],
    },
    {
      name: "a model on all: any",
      lists: { [a]: {}, [b]: { adapters: ["x"] }, [c]: {} },
      model: "m",
      want: [a, b, c],
    },
    {
      name: "a name that no list has: any",
      lists: { [a]: {}, [b]: {}, [c]: {} },
      model: "unheard",
      want: [a, b, c],
    },
    {
      name: "an adapter that a list has, and an unread list: not the unread one",
      lists: { [a]: { adapters: ["x"] } },
      model: "x",
      want: [a],
    },
    {
      name: "a base model that all read lists have, and an unread list: any",
      lists: { [a]: {}, [b]: {} },
      model: "m",
      want: [a, b, c],
    },
    {
      name: "a base model that one of the read lists has: not the unread one",
      lists: { [a]: { base: ["m"] }, [b]: { base: ["n"] } },
      model: "n",
      want: [b],
    },
    {
      name: "an empty list: it serves nothing that others list",
      lists: { [a]: { base: [] }, [b]: {}, [c]: {} },
      model: "m",
      want: [b, c],
    },
    {
      name: "no model is named: any",
      lists: { [a]: { adapters: ["x"] } },
      model: "",
      want: [a, b, c],
    },
  ])("decide where requests go: $name", ({ lists, model, want }) => {
    expect(reached(poolWith(lists), { model })).toEqual(want);
  });

  test("no request or fallback reaches an endpoint whose list lacks a name that another list has", () => {
    const names = ["m", "n", "x", "y"];
    fc.assert(
      fc.property(
        fc.array(fc.record({ base: fc.subarray(names), adapters: fc.subarray(names) }), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.constantFrom(...names),
        (lists, model) => {
          const addresses = lists.map((_, i) => `10.0.1.${i}:80`);
          const byAddress = Object.fromEntries(addresses.map((address, i) => [address, lists[i]]));
          const pool = poolWith(byAddress as Lists, addresses);
          const having = addresses.filter((_, i) =>
            [...(lists[i]?.base ?? []), ...(lists[i]?.adapters ?? [])].includes(model),
          );
          const allowed = having.length === 0 ? addresses : having;
          const got = reached(pool, { model });
          expect(got.length).toBeGreaterThan(0);
          expect(got.filter((each) => !allowed.includes(each))).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("follow changes: an adapter that is loaded elsewhere, an endpoint that leaves", () => {
    const pool = poolWith({ [a]: { adapters: ["x"] }, [b]: {}, [c]: {} });
    expect(reached(pool, { model: "x" })).toEqual([a]);
    pool.recordModels(b, { base: ["m"], adapters: ["x"] });
    pool.recordModels(a, { base: ["m"], adapters: [] });
    expect(reached(pool, { model: "x" })).toEqual([b]);
    pool.recordModels(b, { base: ["m"], adapters: ["x"] });
    expect(reached(pool, { model: "x" })).toEqual([b]);
    pool.setEndpoints([a, c]);
    expect(reached(pool, { model: "x" })).toEqual([a, c]);
    pool.recordModels("10.9.9.9:1", { base: [], adapters: ["x"] });
    expect(reached(pool, { model: "x" })).toEqual([a, c]);
  });

  test("keep the 1,000 first names of an endpoint", () => {
    const adapters = Array.from({ length: 2_000 }, (_, i) => `ad${i}`);
    const pool = poolWith({ [a]: { adapters }, [b]: {}, [c]: {} });
    expect(reached(pool, { model: "ad998" })).toEqual([a]);
    expect(reached(pool, { model: "ad999" })).toEqual([a, b, c]);
    const base = Array.from({ length: 1_001 }, (_, i) => `m${i}`);
    const many = poolWith({ [a]: { base }, [b]: {}, [c]: {} });
    expect(reached(many, { model: "m999" })).toEqual([a]);
    expect(reached(many, { model: "m1000" })).toEqual([a, b, c]);
  });

  test("do not outweigh the gateway's subset, and leave no excluded endpoint in", () => {
    const pool = poolWith({ [a]: { adapters: ["x"] }, [b]: { adapters: ["x"] }, [c]: {} });
    expect(reached(pool, { model: "x", subset: ["10.0.0.2", c] })).toEqual([b]);
    expect(reached(pool, { model: "x", subset: [c] })).toEqual([c]);
    expect(reached(pool, { model: "x", exclude: [a] })).toEqual([b]);
    expect(reached(pool, { model: "x", exclude: [a, b] })).toEqual([c]);
    expect(pool.pick({ model: "x", exclude: [a, b, c] })).toMatchObject({
      ok: false,
      code: "NO_ELIGIBLE_ENDPOINT",
    });
  });
});

describe("an endpoint that reports that it is not ready", () => {
  test("is not picked while another is ready; if none is ready, all are tried", () => {
    const pool = poolWith({ [a]: { adapters: ["x"] }, [b]: { adapters: ["x"] }, [c]: {} });
    pool.recordReadiness(a, false);
    expect(picked(pool, { model: "m" })).toEqual([b, c]);
    expect(picked(pool, { model: "x" })).toEqual([b]);
    pool.recordReadiness(b, false);
    expect(picked(pool, { model: "x" })).toEqual([a, b]);
    expect(picked(pool, { model: "m" })).toEqual([c]);
    expect(pool.snapshot().endpoints.map(({ isReady }) => isReady)).toEqual([false, false, true]);
    pool.recordReadiness("10.9.9.9:1", false);
    pool.recordReadiness(a, true);
    pool.recordReadiness(a, true);
    pool.recordReadiness(b, true);
    expect(picked(pool, { model: "m" })).toEqual([a, b, c]);
  });

  test("is the last fallback", () => {
    const pool = poolWith({ [a]: {}, [b]: {}, [c]: {} });
    pool.recordReadiness(b, false);
    const result = pool.pick({ model: "m", subset: [a, b] });
    expect(result).toMatchObject({ ok: true, endpoint: a, fallbacks: [b] });
  });
});

describe("an endpoint that is scraped seldom", () => {
  test("has fresh metrics for 2.5 of its intervals, and bursts between two scrapes spread", () => {
    const clock = { ms: 0 };
    const pool = createPool({ name: "pool", now: () => clock.ms, staleAfterMs: 1_000 });
    pool.setEndpoints([a, b]);
    pool.recordScrape(a, metrics(), 0, 2_000);
    pool.recordScrape(b, metrics(), 0, 100);
    const kinds = () => pool.snapshot().endpoints.map(({ metrics: { kind } }) => kind);
    clock.ms = 1_001;
    expect(kinds()).toEqual(["fresh", "stale"]);
    clock.ms = 5_001;
    expect(kinds()).toEqual(["stale", "stale"]);
  });

  test("takes its part of a burst: no endpoint gets more than one request above its share", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 80 }), (count) => {
        const clock = { ms: 0 };
        const pool = createPool({ name: "pool", now: () => clock.ms });
        pool.setEndpoints([a, b, c]);
        for (const address of [a, b, c]) pool.recordScrape(address, metrics(), 0, 1_000);
        const sent = new Map<string, number>([a, b, c].map((address) => [address, 0]));
        for (let i = 0; i < count; i++) {
          clock.ms += 900 / count;
          const result = pool.pick({ model: "m" });
          if (result.ok) sent.set(result.endpoint, (sent.get(result.endpoint) ?? 0) + 1);
        }
        const each = [...sent.values()];
        expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
