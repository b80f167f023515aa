import { describe, expect, test } from "@jest/globals";
import {
  createProfile,
  defineScorer,
  type InferenceRequest,
  maxScorePicker,
  type PoolOptions,
} from "@umbra/scheduler";
import { observedPool } from "./observed-pool.ts";

const [a, b, c] = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"] as const;

function setup(addresses: readonly string[], overrides: Partial<PoolOptions> = {}) {
  const made = observedPool(addresses, overrides);
  const answer = (address: string, status: number, times = 1) =>
    made.answer(address, { status }, times);
  return { ...made, answer };
}

const prompt = new Uint8Array(2_560).fill(65);
const long: InferenceRequest = { model: "base", prompt, promptTokens: 60_000 };

describe("two failing endpoints of three", () => {
  test.each([
    { status: 400, wasWell: false },
    { status: 401, wasWell: false },
    { status: 403, wasWell: false },
    { status: 404, wasWell: false },
    { status: 429, wasWell: false },
    { status: 500, wasWell: false },
    { status: 503, wasWell: false },
    { status: 401, wasWell: true },
    { status: 500, wasWell: true },
    { status: 503, wasWell: true },
  ])(
    "do not draw a long shared prompt with status $status, held before: $wasWell",
    ({ status, wasWell }) => {
      const { pick, clock, scrape } = setup([a, b, c]);
      if (wasWell) for (const each of [a, b]) pick({ ...long, subset: [each] }).lease.done();
      scrape(c, { runningRequests: 40 });
      let served = 0;
      for (let i = 0; i < 600; i++) {
        clock.ms += 5;
        const { endpoint, lease } = pick(long);
        if (endpoint === c) {
          served++;
          lease.done();
        } else lease.fail(status);
      }
      expect(served).toBeGreaterThan(560);
    },
  );

  test("do not attract requests for an adapter that they hold", () => {
    const { pick, clock, scrape } = setup([a, b, c]);
    const request = { model: "sql", adapter: "sql", promptTokens: 10 };
    for (const each of [a, b]) pick({ ...request, subset: [each] }).lease.done();
    scrape(c, { runningRequests: 10, activeAdapters: new Set(["w", "x", "y", "z"]) });
    let served = 0;
    for (let i = 0; i < 1_000; i++) {
      clock.ms += 5;
      const { endpoint, lease } = pick(request);
      if (endpoint === c) {
        served++;
        lease.done();
      } else lease.fail(401);
    }
    expect(served).toBeGreaterThan(950);
  });
});

describe("a prompt that was sent to an endpoint", () => {
  const request: InferenceRequest = { model: "base", prompt: new Uint8Array(2_560).fill(65) };

  test.each([
    { status: 200, blocks: 10 },
    { status: 400, blocks: 0 },
    { status: 401, blocks: 0 },
    { status: 403, blocks: 0 },
    { status: 404, blocks: 0 },
    { status: 429, blocks: 0 },
    { status: 500, blocks: 0 },
    { status: 503, blocks: 0 },
  ])("and answered with $status leaves $blocks blocks there", ({ status, blocks }) => {
    const { pick, pool, of } = setup([a, b]);
    pick({ model: "other", prompt: new Uint8Array(10) }).lease.done();
    const { lease } = pick({ ...request, subset: [b] });
    lease.release();
    pool.recordAnswer(b, { status }, lease);
    expect(of(b).prefixBlocks).toBe(blocks);
  });

  test("and refused keeps the blocks of an earlier prompt", () => {
    const { pick, of } = setup([a, b]);
    pick({ model: "other", prompt: new Uint8Array(10) }).lease.done();
    pick({ ...request, subset: [b] }).lease.done();
    const longer = new Uint8Array(5_120).fill(65);
    pick({ model: "base", prompt: longer, subset: [b] }).lease.fail(400);
    expect(of(b).prefixBlocks).toBe(10);
  });

  test("and moved keeps what the other endpoint held before, even if its answer is recorded for a third", () => {
    const { pick, pool, of } = setup([a, b, c]);
    pick({ model: "other", prompt: new Uint8Array(10) }).lease.done();
    pick({ ...request, subset: [a] }).lease.done();
    const { lease } = pick({ ...request, subset: [b] });
    lease.servedBy(a);
    pool.recordAnswer(c, { status: 500 }, lease);
    lease.fail(500);
    expect([of(a).prefixBlocks, of(b).prefixBlocks]).toEqual([10, 0]);
  });

  test("is removed once another endpoint has served it", () => {
    const { pick, of } = setup([a, b]);
    pick({ model: "other", prompt: new Uint8Array(10) }).lease.done();
    const { lease } = pick({ ...request, subset: [b] });
    lease.servedBy(a);
    expect([of(a).prefixBlocks, of(b).prefixBlocks]).toEqual([10, 0]);
    lease.fail(500);
    expect([of(a).prefixBlocks, of(b).prefixBlocks]).toEqual([0, 0]);
  });
});

test("busy answers eject no endpoint if its page has no request gauges: its load is unknown", () => {
  const { scrape, answer, of, clock } = setup([a, b]);
  scrape(a, { showsLoad: false });
  answer(a, 429, 6);
  clock.ms += 100;
  scrape(a, { showsLoad: false });
  expect(of(a).isEjected).toBe(false);
});

test("if more endpoints have errors than may be avoided, the worst are avoided, in any order", () => {
  const { answer, of } = setup([a, b, c]);
  answer(a, 401, 4);
  answer(b, 401, 40);
  expect([of(a).isAvoided, of(b).isAvoided]).toEqual([false, true]);
});

describe("errors are compared", () => {
  const all = [a, b, c];
  test.each([
    { name: "not with endpoints of other models", lists: [["x"], ["x"], ["y"]], want: 0 },
    { name: "with endpoints of the same models", lists: [["x"], ["x"], ["x"]], want: 9 / 11 },
    { name: "without model lists", lists: [], want: 9 / 11 },
    {
      name: "with an unread list while all others are the same",
      lists: [["x"], ["x"]],
      want: 9 / 11,
    },
    { name: "of an unread list with all", lists: [undefined, undefined, ["x"]], want: 9 / 11 },
    {
      name: "also for unread lists and several models",
      lists: [undefined, ["x"], ["y"]],
      want: 9 / 11,
    },
  ])("$name", ({ lists, want }) => {
    const { pool, answer, of } = setup(all);
    for (const [i, address] of all.entries()) {
      const base = lists[i];
      if (base !== undefined) pool.recordModels(address, { base, adapters: [] });
    }
    for (const address of [a, b]) answer(address, 400, 9);
    expect(of(a).errorShare).toBeCloseTo(want);
  });

  test("also if adapters differ", () => {
    const { pool, answer, of } = setup([a, b]);
    pool.recordModels(a, { base: ["x"], adapters: ["sql"] });
    pool.recordModels(b, { base: ["x"], adapters: [] });
    answer(a, 401, 9);
    expect(of(a).isAvoided).toBe(true);
  });
});

test("shares are compared every 50 ms, not at each pick, while clients send bad requests", () => {
  const seen: number[] = [];
  const scorer = defineScorer({
    name: "share",
    rate(_request, { address, errorShare }) {
      if (address === a) seen.push(errorShare);
      return 0;
    },
  });
  const profile = createProfile({
    name: "p",
    scorers: [{ scorer, weight: 1 }],
    picker: maxScorePicker,
  });
  const { pick, answer, clock } = setup([a, b, c], { profiles: [{ profile }] });
  answer(a, 400);
  for (let i = 0; i < 100; i++) {
    pick({ model: "base" }).lease.done();
    clock.ms++;
  }
  expect(new Set(seen).size).toBe(2);
  answer(a, 400);
  pick({ model: "base" }).lease.done();
  expect(seen.at(-1)).toBeCloseTo(0.5, 1);
});
