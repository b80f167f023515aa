import { describe, expect, test } from "@jest/globals";
import {
  createPool,
  createProfile,
  maxScorePicker,
  type PoolState,
  prefixCacheScorer,
} from "@umbra/scheduler";
import { metrics } from "./fixtures.ts";

/** The first pick goes to `a`: a tie goes to the last endpoint if the random numbers are 0. */
const [a, b] = ["10.0.0.2:80", "10.0.0.1:80"];
const prompt = Buffer.from("a prompt of some length ".repeat(64));

function pool(): PoolState {
  const made = createPool({ name: "p", now: () => 0, random: () => 0, ...byPrefix() });
  made.setEndpoints([b, a]);
  return made;
}

function byPrefix(blockTokens?: number) {
  const profile = createProfile({
    name: "prefix",
    scorers: [{ scorer: prefixCacheScorer(), weight: 1 }],
    picker: maxScorePicker,
  });
  return {
    profiles: [{ profile }],
    prefix: blockTokens === undefined ? {} : { blockTokens },
  };
}

function pick(of: PoolState) {
  const picked = of.pick({ model: "m", prompt });
  if (!picked.ok) throw new Error(picked.code);
  return picked;
}

const blocksOf = (of: PoolState) => of.snapshot().endpoints.map(({ prefixBlocks }) => prefixBlocks);
const inFlightOf = (of: PoolState) => of.snapshot().endpoints.map(({ inFlight }) => inFlight);

describe("an endpoint that is not pickable", () => {
  test("takes metrics and models, and is picked with them once it is pickable", () => {
    const of = pool();
    of.setEndpoints([{ address: a }, { address: b, isPickable: false }]);
    expect(of.addresses()).toEqual([a]);
    expect(of.knows(b)).toBe(true);
    of.recordScrape(b, metrics({ waitingRequests: 3 }), 0);
    of.recordModels(b, { base: ["new"], adapters: [] });
    const before = Array.from({ length: 20 }, () => of.pick({ model: "new" }));
    expect(before.map((each) => each.ok && each.endpoint)).toEqual(Array(20).fill(a));
    of.setEndpoints([b, a]);
    expect(of.snapshot().endpoints[0]).toMatchObject({
      metrics: { kind: "fresh", metrics: { waitingRequests: 3 } },
    });
    of.recordModels(a, { base: ["old"], adapters: [] });
    expect(of.pick({ model: "new" })).toMatchObject({ endpoint: b });
  });

  test("has aged when it becomes pickable", () => {
    let nowMs = 0;
    const of = createPool({ name: "p", now: () => nowMs });
    of.setEndpoints([{ address: b, isPickable: false }, a]);
    of.recordScrape(b, metrics({}), 0);
    nowMs = 5_000;
    of.pick({ model: "m" });
    of.setEndpoints([b, a]);
    expect(of.snapshot().endpoints[0]?.metrics.kind).toBe("stale");
  });
});

describe("an endpoint that leaves", () => {
  test("is not picked again, and returns with its requests in flight and its prompts", () => {
    const of = pool();
    const { endpoint, lease } = pick(of);
    expect(endpoint).toBe(a);
    of.setEndpoints([b]);
    expect(of.knows(a)).toBe(false);
    expect(pick(of).endpoint).toBe(b);
    of.setEndpoints([b, a]);
    expect(inFlightOf(of)).toEqual([1, 1]);
    expect(blocksOf(of)[1]).toBeGreaterThan(0);
    lease.done();
    expect(inFlightOf(of)).toEqual([1, 0]);
  });

  test("returns as a new one if nothing ran there", () => {
    const of = pool();
    pick(of).lease.done();
    of.setEndpoints([b]);
    of.setEndpoints([b, a]);
    expect(blocksOf(of)).toEqual([0, 0]);
  });

  test("is forgotten once its last request has ended", () => {
    const of = pool();
    const { lease } = pick(of);
    of.setEndpoints([b]);
    lease.done();
    of.setEndpoints([b]);
    of.setEndpoints([b, a]);
    expect(blocksOf(of)).toEqual([0, 0]);
    expect(inFlightOf(of)).toEqual([0, 0]);
  });
});

describe("changed settings", () => {
  test("keep requests in flight and the prefix index", () => {
    const of = pool();
    const { lease } = pick(of);
    const before = blocksOf(of);
    of.configure({ ...byPrefix(), maxFallbacks: 0 });
    expect(blocksOf(of)).toEqual(before);
    expect(inFlightOf(of)).toEqual([0, 1]);
    const next = pick(of);
    expect(next).toMatchObject({ endpoint: a, fallbacks: [] });
    lease.done();
    next.lease.done();
    expect(inFlightOf(of)).toEqual([0, 0]);
  });

  test("of the prefix index start a new index", () => {
    const of = pool();
    const { lease } = pick(of);
    of.configure(byPrefix(16));
    expect(blocksOf(of)).toEqual([0, 0]);
    // The prompt was recorded in the old index: its failure removes nothing from the new one.
    pick(of).lease.done();
    const held = blocksOf(of);
    lease.fail();
    expect(blocksOf(of)).toEqual(held);
    expect(held[1]).toBeGreaterThan(0);
  });

  test("are the defaults where none are given", () => {
    const of = pool();
    of.configure({});
    expect(of.explain({ model: "m" }).profile).toBe("default");
    expect(pick(of).fallbacks).toEqual([b]);
  });
});
