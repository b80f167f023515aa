import { describe, expect, test } from "@jest/globals";
import {
  defineScorer,
  type Endpoint,
  expectedWorkScorer,
  type InferenceRequest,
  inFlightScorer,
  kvCacheScorer,
  latencyScorer,
  loadAwareScorer,
  loraAffinityScorer,
  noHitLruScorer,
  type PickContext,
  prefixCacheScorer,
  queueScorer,
  runningRequestsScorer,
  type Scorer,
  sessionAffinityScorer,
  tokenLoadScorer,
} from "@umbra/scheduler";
import { context, endpoint, fresh, metrics, scoresOf } from "./fixtures.ts";

const base: InferenceRequest = { model: "base" };
const sql: InferenceRequest = { model: "sql", adapter: "sql" };
const unscraped = endpoint({ address: "z", metrics: { kind: "missing" } });
const holds = { activeAdapters: new Set(["sql"]) };
const full = { activeAdapters: new Set(["x"]), maxActiveAdapters: 1 };
const { kvCacheUsage: _, ...untoldMetrics } = metrics();
const untold = endpoint({ metrics: { kind: "fresh", metrics: untoldMetrics } });
const busy = (inFlight: number) => endpoint({ inFlight });

interface Case {
  readonly name: string;
  readonly scorer: Scorer;
  readonly request?: InferenceRequest;
  readonly endpoints: readonly Endpoint[];
  readonly context?: PickContext;
  readonly want: readonly number[];
}

const cases: readonly Case[] = [
  {
    name: "queue: linear between longest and shortest",
    scorer: queueScorer,
    endpoints: [2, 6, 10].map((waitingRequests) => fresh("a", { waitingRequests })),
    want: [1, 0.5, 0],
  },
  {
    name: "queue: no preference among equals",
    scorer: queueScorer,
    endpoints: [fresh("a", { waitingRequests: 4 }), fresh("b", { waitingRequests: 4 })],
    want: [1, 1],
  },
  { name: "queue: nothing for an empty pool", scorer: queueScorer, endpoints: [], want: [] },
  {
    name: "queue: an unscraped endpoint after an idle one",
    scorer: queueScorer,
    endpoints: [fresh("a"), unscraped],
    want: [1, 0],
  },
  {
    name: "queue: an unscraped endpoint before a loaded one",
    scorer: queueScorer,
    endpoints: [
      fresh("a", { waitingRequests: 10 }),
      fresh("b", { waitingRequests: 10 }),
      unscraped,
    ],
    want: [0, 0, 1],
  },
  {
    name: "queue: by requests in flight where nothing was scraped",
    scorer: queueScorer,
    endpoints: [{ ...unscraped, inFlight: 4 }, { ...unscraped, inFlight: 1 }, unscraped],
    want: [0, 0.75, 1],
  },
  {
    name: "queue: own requests in flight where the page shows no load yet",
    scorer: queueScorer,
    endpoints: [
      { ...fresh("a", { showsLoad: false }), inFlight: 2 },
      fresh("b", { waitingRequests: 1 }),
      fresh("c"),
    ],
    want: [0, 0.5, 1],
  },
  {
    name: "queue: what was sent since counts",
    scorer: queueScorer,
    endpoints: [fresh("a"), endpoint({ sentSinceScrape: 1 })],
    want: [1, 0],
  },
  {
    name: "load-aware: falls from 0.5 to the threshold",
    scorer: loadAwareScorer(),
    endpoints: [0, 64, 128, 200].map((waitingRequests) => fresh("a", { waitingRequests })),
    want: [0.5, 0.25, 0, 0],
  },
  {
    name: "load-aware: a threshold of one's own, an unscraped endpoint as with one waiting",
    scorer: loadAwareScorer({ threshold: 4 }),
    endpoints: [fresh("a"), unscraped, { ...unscraped, inFlight: 3 }],
    want: [0.5, 0.375, 0],
  },
  {
    name: "running: small batches, what was sent since included",
    scorer: runningRequestsScorer,
    endpoints: [
      fresh("a", { runningRequests: 2 }),
      endpoint({ sentSinceScrape: 4 }),
      { ...unscraped, inFlight: 3 },
      { ...fresh("d", { showsLoad: false }), inFlight: 6 },
    ],
    want: [1, 0.5, 0.5, 0],
  },
  {
    name: "kv-cache: the free share; half where it is not known",
    scorer: kvCacheScorer,
    endpoints: [fresh("a", { kvCacheUsage: 0.25 }), unscraped, untold],
    want: [0.75, 0.5, 0.5],
  },
  {
    name: "lora: holders, then room",
    scorer: loraAffinityScorer,
    request: sql,
    endpoints: [fresh("a", holds), fresh("b"), fresh("c", full), unscraped],
    want: [1, 0.8, 0, 0.8],
  },
  {
    name: "lora: a base model goes anywhere",
    scorer: loraAffinityScorer,
    endpoints: [fresh("a", holds), fresh("c", full)],
    want: [1, 1],
  },
  {
    name: "in-flight: idle ones score 1, the busiest 0",
    scorer: inFlightScorer(),
    endpoints: [busy(0), busy(1), busy(4)],
    want: [1, 0.75, 0],
  },
  {
    name: "in-flight: up to the threshold is idle, what is above is capped",
    scorer: inFlightScorer({ idleThreshold: 2, maxBusyScore: 0.5 }),
    endpoints: [busy(2), busy(3), busy(12)],
    want: [1, 0.375, 0],
  },
  {
    name: "token-load: prompts pending, this prompt and outputs against the threshold",
    scorer: tokenLoadScorer({ threshold: 1_000 }),
    endpoints: [
      endpoint({ address: "a", pendingPromptTokens: 100, pendingOutputTokens: 50 }),
      endpoint({ address: "b", pendingPromptTokens: 2_000 }),
    ],
    context: context({ promptTokens: 200, outputTokens: 50, cached: { a: 100 } }),
    want: [0.7, 0],
  },
  {
    name: "token-load: without outputs",
    scorer: tokenLoadScorer({ threshold: 1_000, withOutput: false }),
    endpoints: [endpoint({ pendingPromptTokens: 100, pendingOutputTokens: 50 })],
    context: context({ promptTokens: 200, outputTokens: 50 }),
    want: [0.7],
  },
  {
    name: "token-load: the reference's threshold",
    scorer: tokenLoadScorer(),
    endpoints: [endpoint({ pendingPromptTokens: 2_097_152 })],
    want: [0.5],
  },
  {
    name: "prefix: the cached share",
    scorer: prefixCacheScorer(),
    endpoints: [fresh("a"), fresh("b")],
    context: context({ promptTokens: 200, cached: { a: 150 } }),
    want: [0.75, 0],
  },
  {
    name: "prefix: weighed with the square of the length over its scale",
    scorer: prefixCacheScorer({ lengthWeight: 0.5, lengthScaleTokens: 300 }),
    endpoints: [fresh("a"), fresh("b")],
    context: context({ promptTokens: 600, cached: { a: 150, b: 600 } }),
    want: [0.25, 1],
  },
  {
    name: "prefix: the reference's length scale",
    scorer: prefixCacheScorer({ lengthWeight: 1 }),
    endpoints: [fresh("a")],
    context: context({ promptTokens: 8_192, cached: { a: 4_096 } }),
    want: [0.25],
  },
  {
    name: "prefix: nothing without a prompt",
    scorer: prefixCacheScorer(),
    endpoints: [fresh("a")],
    want: [0],
  },
  {
    name: "latency: soonest first tokens, the middle for one that has not answered",
    scorer: latencyScorer,
    endpoints: [100, 200, 500, undefined].map((ttftMs) => endpoint({ ttftMs })),
    want: [1, 0.75, 0, 0.5],
  },
  {
    name: "expected-work: prompts pending and the part of this one that is not cached",
    scorer: expectedWorkScorer(),
    endpoints: [
      endpoint({ address: "a", pendingPromptTokens: 1_000 }),
      endpoint({ address: "b" }),
      endpoint({ address: "c", pendingPromptTokens: 500 }),
    ],
    context: context({ promptTokens: 2_000, cached: { a: 500, c: 2_000 } }),
    want: [0, 0.25, 1],
  },
  {
    name: "expected-work: the batch, by the larger of what the server and this process know",
    scorer: expectedWorkScorer({ tokensPerRequest: 10 }),
    endpoints: [
      endpoint({
        inFlight: 2,
        sentSinceScrape: 1,
        metrics: { kind: "fresh", metrics: metrics({ waitingRequests: 2, runningRequests: 3 }) },
      }),
      endpoint({ inFlight: 12 }),
      fresh("c"),
      fresh("d", { runningRequests: 3 }),
    ],
    want: [0.5, 0, 1, 0.75],
  },
  {
    name: "expected-work: loading an adapter, more if it evicts one, most if all are in use",
    scorer: expectedWorkScorer({ tokensPerAdapterLoad: 100 }),
    request: sql,
    endpoints: [
      fresh("a", holds),
      fresh("b"),
      {
        ...fresh("c", { activeAdapters: new Set(["x"]), maxActiveAdapters: 2 }),
        recentAdapters: new Set(["y"]),
      },
      fresh("d", full),
    ],
    want: [1, 5 / 6, 3 / 4, 0],
  },
  {
    name: "expected-work: adapters don't matter to a base model",
    scorer: expectedWorkScorer(),
    endpoints: [fresh("a", holds), fresh("c", full)],
    want: [1, 1],
  },
  {
    name: "expected-work: by default an adapter costs 6,000 tokens and a request 200",
    scorer: expectedWorkScorer(),
    request: sql,
    endpoints: [fresh("a", holds), fresh("b"), fresh("c", { ...holds, runningRequests: 15 })],
    want: [1, 0, 0.5],
  },
  {
    name: "expected-work: an unscraped endpoint has room for an adapter",
    scorer: expectedWorkScorer(),
    request: sql,
    endpoints: [
      endpoint({ metrics: { kind: "missing" }, recentAdapters: new Set(["sql"]) }),
      endpoint({ metrics: { kind: "missing" } }),
      endpoint({ metrics: { kind: "missing" }, recentAdapters: new Set(["sql"]), inFlight: 15 }),
    ],
    want: [1, 0, 0.5],
  },
  {
    name: "expected-work: evicting an adapter from an unscraped endpoint costs half as much again",
    scorer: expectedWorkScorer({ tokensPerRequest: 0 }),
    request: sql,
    endpoints: [
      endpoint({ metrics: { kind: "missing" }, recentAdapters: new Set(["sql"]) }),
      endpoint({ metrics: { kind: "missing" } }),
      endpoint({ metrics: { kind: "missing" }, recentAdapters: new Set("abcdefgh") }),
    ],
    want: [1, 1 / 3, 0],
  },
  {
    name: "expected-work: several waiting outweigh the adapter that the endpoint holds",
    scorer: expectedWorkScorer({ tokensPerRequest: 0, tokensPerAdapterLoad: 1 }),
    request: sql,
    endpoints: [
      fresh("a", { ...holds, runningRequests: 16, waitingRequests: 2 }),
      fresh("b", { ...holds, runningRequests: 16, waitingRequests: 1 }),
      fresh("c", { ...holds, waitingRequests: 2 }),
    ],
    want: [0, 1, 1],
  },
  {
    name: "expected-work: each request without a seat waits for one to end",
    scorer: expectedWorkScorer({ tokensPerRequest: 0, tokensPerOutputToken: 1 }),
    endpoints: [
      { ...fresh("a", { runningRequests: 3 }), seats: 4 },
      { ...fresh("b", { runningRequests: 4 }), seats: 4 },
      { ...fresh("c", { runningRequests: 4 }), seats: 4, sentSinceScrape: 1 },
    ],
    context: context({ outputTokens: 100 }),
    want: [1, 0.5, 0],
  },
  {
    name: "expected-work: each request without a seat waits for one to end, where nothing was scraped",
    scorer: expectedWorkScorer({ tokensPerRequest: 0, tokensPerOutputToken: 1 }),
    endpoints: [
      { ...unscraped, seats: 4, inFlight: 2 },
      { ...unscraped, seats: 4, inFlight: 3 },
      { ...unscraped, seats: 4, inFlight: 4 },
    ],
    context: context({ outputTokens: 100 }),
    want: [1, 0.5, 0],
  },
  {
    name: "expected-work: a full KV cache",
    scorer: expectedWorkScorer(),
    endpoints: [fresh("a"), fresh("b", { kvCacheUsage: 1 }), fresh("c", { kvCacheUsage: 0.5 })],
    want: [1, 0, 0.5],
  },
  {
    name: "expected-work: by requests in flight where nothing was scraped",
    scorer: expectedWorkScorer(),
    endpoints: [
      endpoint({ metrics: { kind: "missing" }, inFlight: 4 }),
      endpoint({ metrics: { kind: "missing" }, inFlight: 1 }),
      endpoint({ metrics: { kind: "missing" } }),
    ],
    want: [0, 0.75, 1],
  },
];

describe("scorers", () => {
  test.each(cases)("$name", ({ scorer, request = base, endpoints, want, context: of }) => {
    const scores = scoresOf(scorer, request, endpoints, of);
    expect(scores).toHaveLength(want.length);
    for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(want[i] as number, 9);
  });

  test("expected-work puts an unscraped endpoint after an idle one and before a loaded one", () => {
    const endpoints = [unscraped, fresh("a", { runningRequests: 20 }), fresh("b")];
    const [unknown = 0, loaded, idle] = scoresOf(expectedWorkScorer(), base, endpoints);
    expect([loaded, idle]).toEqual([0, 1]);
    expect(unknown).toBeGreaterThan(0.6);
    expect(unknown).toBeLessThan(0.8);
  });

  test.each([
    [queueScorer, "queue"],
    [loadAwareScorer(), "load-aware"],
    [runningRequestsScorer, "running-requests"],
    [kvCacheScorer, "kv-cache"],
    [loraAffinityScorer, "lora-affinity"],
    [inFlightScorer(), "in-flight"],
    [tokenLoadScorer(), "token-load"],
    [prefixCacheScorer(), "prefix-cache"],
    [latencyScorer, "latency"],
    [expectedWorkScorer(), "expected-work"],
    [noHitLruScorer(), "no-hit-lru"],
    [sessionAffinityScorer(), "session-affinity"],
  ])("%s is called %s", (scorer, name) => {
    expect(scorer.name).toBe(name);
  });

  test("a custom scorer rates each endpoint", () => {
    const cheap = defineScorer({
      name: "cheap",
      rate: (_request, { labels }) => 1 - Number(labels.price) / 10,
    });
    expect(scoresOf(cheap, base, [endpoint({ labels: { price: "4" } })])).toEqual([0.6]);
  });
});

describe("the no-hit-lru scorer", () => {
  const pool = ["a", "b", "c"].map((address) => fresh(address));
  const pickOf = (scorer: Scorer, address: string) =>
    scorer.onPicked?.(base, fresh(address), context());

  test("ranks the never used first, then the longest unused", () => {
    const scorer = noHitLruScorer();
    expect(scoresOf(scorer, base, pool)).toEqual([1, 0.5, 0]);
    pickOf(scorer, "a");
    expect(scoresOf(scorer, base, pool)).toEqual([0, 1, 0.5]);
    pickOf(scorer, "c");
    pickOf(scorer, "a");
    expect(scoresOf(scorer, base, pool)).toEqual([0, 1, 0.5]);
    pickOf(scorer, "b");
    expect(scoresOf(scorer, base, pool)).toEqual([0.5, 0, 1]);
  });

  test("a single endpoint scores 1", () => {
    expect(scoresOf(noHitLruScorer(), base, [fresh("a")])).toEqual([1]);
  });

  test("leaves prompts that are cached somewhere to the prefix scorer, and does not count them", () => {
    const scorer = noHitLruScorer();
    const warm = context({ promptTokens: 10, cached: { b: 5 } });
    expect(scoresOf(scorer, base, pool, warm)).toEqual([0.5, 0.5, 0.5]);
    pickOf(scorer, "a");
    expect(scoresOf(scorer, base, pool)).toEqual([1, 0.5, 0]);
  });

  test("a single endpoint counts as used if the prompt was not cached, whatever was scored before", () => {
    const scorer = noHitLruScorer();
    const warm = context({ promptTokens: 10, cached: { b: 5 } });
    scoresOf(scorer, base, pool, warm);
    scorer.onPicked?.({ model: "other" }, fresh("a"), context());
    expect(scoresOf(scorer, base, pool)).toEqual([0, 1, 0.5]);
    scorer.onPicked?.({ model: "other" }, fresh("b"), warm);
    expect(scoresOf(scorer, base, pool)).toEqual([0, 1, 0.5]);
  });

  test("remembers at most `maxEndpoints` endpoints", () => {
    const scorer = noHitLruScorer({ maxEndpoints: 1 });
    scoresOf(scorer, base, pool);
    pickOf(scorer, "a");
    pickOf(scorer, "b");
    expect(scoresOf(scorer, base, pool)).toEqual([1, 0, 0.5]);
  });
});

describe("the session-affinity scorer", () => {
  const pool = ["10.0.0.1:8000", "10.0.0.2:8000", "10.0.0.3:8000"].map((address) => fresh(address));
  const session: InferenceRequest = { model: "base", session: "s1" };
  const home = (scorer: Scorer, nowMs = 0, request = session) =>
    scoresOf(scorer, request, pool, context({ nowMs })).indexOf(1);

  test("keeps a session where it was served, for as long as it is remembered", () => {
    const scorer = sessionAffinityScorer({ ttlMs: 100 });
    const hashed = home(scorer);
    const other = (hashed + 1) % 3;
    scorer.onPicked?.(session, pool[other] as Endpoint, context({ nowMs: 50 }));
    expect(home(scorer, 150)).toBe(other);
    expect(home(scorer, 151)).toBe(hashed);
  });

  test("moves a session whose endpoint has left to another endpoint, the same in every process", () => {
    const scorer = sessionAffinityScorer();
    scorer.onPicked?.(session, fresh("10.9.9.9:1"), context());
    expect(home(scorer)).toBe(home(sessionAffinityScorer()));
  });

  test("spreads sessions, and moves only those of an endpoint that leaves", () => {
    const scorer = sessionAffinityScorer();
    const sessions = Array.from({ length: 300 }, (_, i) => ({ model: "base", session: `s${i}` }));
    const homes = sessions.map((request) => home(scorer, 0, request));
    for (const i of [0, 1, 2]) {
      expect(homes.filter((each) => each === i).length).toBeGreaterThan(60);
    }
    const two = pool.slice(0, 2);
    const staying = sessions.filter((_, i) => homes[i] !== 2);
    expect(staying.map((request) => scoresOf(scorer, request, two).indexOf(1))).toEqual(
      homes.filter((each) => each !== 2),
    );
  });

  test("scores 0 without a session, and remembers none", () => {
    const scorer = sessionAffinityScorer();
    scorer.onPicked?.(base, fresh("a"), context());
    expect(scoresOf(scorer, base, pool)).toEqual([0, 0, 0]);
    expect(scoresOf(scorer, session, [])).toEqual([]);
  });

  test("drops the session idle longest beyond its bound", () => {
    const scorer = sessionAffinityScorer({ maxSessions: 2 });
    const hashed = home(scorer);
    const other = (hashed + 1) % 3;
    const serve = (name: string) =>
      scorer.onPicked?.({ model: "base", session: name }, pool[other] as Endpoint, context());
    serve("s1");
    serve("s2");
    serve("s1");
    serve("s3");
    expect(home(scorer)).toBe(other);
    serve("s4");
    serve("s5");
    expect(home(scorer)).toBe(hashed);
  });
});
