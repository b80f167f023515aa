import { describe, expect, test } from "@jest/globals";
import {
  createSampleStore,
  type Leg,
  lostSample,
  pairSample,
  parseSample,
  type Sample,
  unmirroredSample,
} from "@umbra/shadow";
import fc from "fast-check";
import { leg, sample } from "./fixtures.ts";

const frame = { id: "h1", t0: 1_000, route: "default/r", candidate: "default/b", session: "s1" };
const primary: Leg = {
  requestId: "r1",
  lane: "primary",
  pool: "default/a",
  endpoint: "10.0.0.1:8000",
  stream: true,
  status: 200,
  class: "ok",
  t0: 5,
  ttftMs: 50,
  e2eMs: 150,
  tpotMs: 10,
  outTokens: 11,
  outTokensFrom: "usage",
  tokenEvents: 6,
  outChars: 40,
};

describe("a pair's sample", () => {
  test("has both legs, the lag, and null for what is not known", () => {
    const made = pairSample(frame, primary, { ...primary, lane: "shadow", t0: 7.5 });
    expect(made).toMatchObject({
      ...{ v: 1, id: "h1", t0: 1_000, mirrored: true, drop: null, session: "s1", lag: 2.5 },
      primary: { ttft: 50, tpot: 10, outTokens: 11, tokenSource: "usage", finish: null },
      shadow: { endpoint: "10.0.0.1:8000", promptTokens: null },
    });
    expect(JSON.stringify(made)).not.toContain("r1");
  });

  test("counts tokens on both legs in the best way that both have", () => {
    const chunks: Leg = { ...primary, outTokens: 6, outTokensFrom: "chunks", tpotMs: 20 };
    const made = pairSample(frame, chunks, primary);
    expect(made.shadow).toMatchObject({ outTokens: 6, tokenSource: "chunks", tpot: 20 });
  });

  test("a lost twin and a dropped request have no shadow", () => {
    const lost = lostSample(frame, primary, "unanswered");
    expect(lost).toMatchObject({ mirrored: true, shadow: null });
    expect("unsent" in lost).toBe(false);
    const unsent = lostSample(frame, primary, "unsent");
    expect(parseSample(JSON.stringify(unsent))).toMatchObject({ ok: true, sample: unsent });
    const unmeasured = lostSample(frame, primary, "unmeasured");
    expect(unmeasured).toMatchObject({ shadow: null, unmeasured: true });
    expect(parseSample(JSON.stringify(unmeasured))).toMatchObject({ ok: true, sample: unmeasured });
    expect(unmirroredSample(frame, { promptBytes: 9 }, "size")).toMatchObject({
      ...{ mirrored: false, drop: "size", shadow: null },
      primary: { promptBytes: 9, class: null },
    });
  });
});

describe("a samples file's line", () => {
  test("reads what is written", () => {
    const written = sample(5, { session: "s", lag: 1 });
    expect(parseSample(JSON.stringify(written))).toEqual({
      ok: true,
      sample: {
        ...written,
        primary: { ...written.primary, tpoc: null, stall: null },
        shadow: { ...leg(), tpoc: null, stall: null },
      },
    });
  });

  test("ignores unknown fields, and takes strange values for unknown ones", () => {
    const line = JSON.stringify({
      ...sample(5),
      extra: 1,
      drop: "because",
      primary: { ...leg(), ttft: "soon", e2e: -1, class: "great", more: {} },
    });
    expect(parseSample(line)).toMatchObject({
      ok: true,
      sample: { drop: null, primary: { ttft: null, e2e: null, class: null } },
    });
  });

  test.each([
    { line: "{", problem: "not JSON" },
    { line: "[]", problem: "not a JSON object" },
    { line: '{"v":2}', problem: "`v` must be 1" },
    { line: '{"v":1}', problem: "`id` must be a string" },
    { line: '{"v":1,"id":"a","t0":1e300}', problem: "`t0` must be milliseconds since 1970" },
    {
      line: '{"v":1,"id":"a","t0":1,"route":"r","candidate":"c","mirrored":true,"primary":3}',
      problem: "`primary` must be an object",
    },
  ])("$problem", ({ line, problem }) => {
    expect(parseSample(line)).toEqual({ ok: false, problem });
  });

  test("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(typeof parseSample(line).ok).toBe("boolean");
      }),
    );
  });
});

const noneLeftOut = { paired: 0, lost: 0, unsent: 0, unmeasured: 0 };

describe("the store", () => {
  const names = { route: "default/route", candidate: "default/pool-b" };

  test("gives back what it took, oldest first", () => {
    const store = createSampleStore(names, 10);
    const samples: Sample[] = [
      sample(1, { session: "s", lag: 2.5 }),
      sample(2, { shadow: null, mirrored: false, drop: "rate" }),
      sample(2.5, { shadow: null, unsent: true }),
      sample(2.6, { shadow: null, unmeasured: true }),
      sample(2.7, { primary: leg({ class: "client_cancelled", ttft: null, cut: 750 }) }),
      sample(3, { primary: leg({ ttft: null, class: null, stream: null, tokenSource: null }) }),
    ];
    for (const each of samples) store.add(each);
    const known = (each: Sample) => ({
      ...each,
      lag: each.lag ?? null,
      primary: { tpoc: null, stall: null, ...each.primary },
      shadow: each.shadow === null ? null : { tpoc: null, stall: null, ...each.shadow },
    });
    expect([...store.all()]).toEqual(samples.map(known));
  });

  test("keeps to its size: every second one goes, and the beginning stays", () => {
    const store = createSampleStore(names, 8_192);
    for (let i = 0; i < 40_000; i++) store.add(sample(i));
    const kept = [...store.all()];
    expect(store.size).toBeLessThanOrEqual(8_192);
    expect(store.size).toBeGreaterThan(4_096);
    expect(store.size + store.evicted).toBe(40_000);
    expect(store.evictedPairs).toEqual({ ...noneLeftOut, paired: store.evicted });
    // Evenly over the run: a quarter of what was kept in each quarter of it.
    const quarters = [0, 1, 2, 3].map(
      (q) => kept.filter(({ t0 }) => Math.floor((t0 - (kept[0]?.t0 ?? 0)) / 10_000) === q).length,
    );
    for (const quarter of quarters) expect(quarter / kept.length).toBeCloseTo(0.25, 1);
    expect((kept[0]?.t0 ?? 0) - sample(0).t0).toBeLessThan(100);
  });

  test("counts what it leaves out by the outcome of the twin", () => {
    const store = createSampleStore(names, 4_096);
    const twins = [
      {},
      { shadow: null },
      { shadow: null, unsent: true },
      { shadow: null, unmeasured: true },
    ];
    for (let i = 0; i < 40_000; i++) store.add(sample(i, twins[i % 4]));
    const { paired, lost, unsent, unmeasured } = store.evictedPairs;
    expect(paired + lost + unsent + unmeasured).toBe(store.evicted);
    for (const count of [paired, lost, unsent, unmeasured]) {
      expect(count / store.evicted).toBeCloseTo(0.25, 1);
    }
  });

  test("knows the endpoint of every sample it has, whatever came before: 10,000 endpoints over time", () => {
    const store = createSampleStore(names, 16_384);
    const endpointOf = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}:8000`;
    for (let i = 0; i < 60_000; i++) {
      const endpoint = endpointOf(Math.floor(i / 6));
      store.add(sample(i, { id: `r${i}`, primary: leg({ endpoint }), shadow: leg({ endpoint }) }));
    }
    const kept = [...store.all()];
    const wrong = kept.filter(({ id, primary, shadow }) => {
      const want = endpointOf(Math.floor(Number(id.slice(1)) / 6));
      return primary.endpoint !== want || shadow?.endpoint !== want;
    });
    expect(kept.length).toBeGreaterThan(8_192);
    expect(wrong).toEqual([]);
  });

  test("knows later models although earlier ones were many", () => {
    const store = createSampleStore(names, 16_384);
    for (let i = 0; i < 10_000; i++) {
      const request = { path: null, shape: null, priority: null };
      store.add(sample(i, { request: { ...request, model: `model-${Math.floor(i / 40)}` } }));
    }
    const models = [...store.all()].map(({ request }) => request?.model);
    expect(models).toEqual(Array.from({ length: 10_000 }, (_, i) => `model-${Math.floor(i / 40)}`));
  });

  test("many requests that were not drawn take no place of pairs", () => {
    const store = createSampleStore(names, 8_192);
    for (let i = 0; i < 30_000; i++) {
      const more = i % 10 === 0 ? {} : { mirrored: false, shadow: null };
      store.add(sample(i, more));
    }
    expect([...store.all()].filter(({ mirrored }) => mirrored)).toHaveLength(3_000);
    expect(store.evictedPairs).toEqual(noneLeftOut);
  });
});
