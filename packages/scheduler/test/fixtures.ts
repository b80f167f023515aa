import type {
  Endpoint,
  Filter,
  InferenceRequest,
  ModelServerMetrics,
  PickContext,
  Scorer,
} from "@umbra/scheduler";
import fc from "fast-check";

export function metrics(overrides: Partial<ModelServerMetrics> = {}): ModelServerMetrics {
  return {
    scrapedAtMs: 0,
    waitingRequests: 0,
    runningRequests: 0,
    kvCacheUsage: 0,
    activeAdapters: new Set(),
    maxActiveAdapters: 4,
    ...overrides,
  };
}

export function endpoint(overrides: Partial<Endpoint> = {}): Endpoint {
  return {
    address: "10.0.0.1:8000",
    labels: {},
    metrics: { kind: "fresh", metrics: metrics() },
    inFlight: 0,
    sentSinceScrape: 0,
    pendingPromptTokens: 0,
    pendingOutputTokens: 0,
    ttftMs: undefined,
    isReady: true,
    isEjected: false,
    errorShare: 0,
    isAvoided: false,
    recentAdapters: new Set(),
    seats: undefined,
    ...overrides,
  };
}

/** An endpoint with fresh metrics, by whose state it is ready or not. */
export function fresh(address: string, overrides: Partial<ModelServerMetrics> = {}): Endpoint {
  const known = metrics(overrides);
  const isReady = known.state === undefined || known.state === "ready";
  return endpoint({ address, isReady, metrics: { kind: "fresh", metrics: known } });
}

/** What a pool gives its plugins; `cached` holds tokens by address. */
export function context(
  overrides: Partial<PickContext> & { readonly cached?: Readonly<Record<string, number>> } = {},
): PickContext {
  const { cached = {}, ...rest } = overrides;
  return {
    nowMs: 0,
    promptTokens: 0,
    outputTokens: 0,
    random: () => 0.5,
    cachedTokens: ({ address }) => cached[address] ?? 0,
    ...rest,
  };
}

/** The scores as a list. */
export function scoresOf(
  scorer: Scorer,
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
  of: PickContext = context(),
): readonly number[] {
  const scores = new Float64Array(endpoints.length);
  scorer.score(request, endpoints, scores, of);
  return [...scores];
}

/** The addresses that a filter keeps. */
export function keptBy(
  filter: Filter,
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
  of: PickContext = context(),
): readonly string[] {
  return filter.narrow(request, endpoints, of).map(({ address }) => address);
}

const adapters = fc.uniqueArray(fc.constantFrom("a", "b", "c"), { maxLength: 3 });

const anyState = fc.record({
  waitingRequests: fc.nat({ max: 300 }),
  runningRequests: fc.nat({ max: 300 }),
  kvCacheUsage: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
  active: adapters,
  recent: adapters,
  maxActiveAdapters: fc.nat({ max: 4 }),
  kind: fc.constantFrom("missing" as const, "stale" as const, "fresh" as const),
  sentSinceScrape: fc.nat({ max: 20 }),
  inFlight: fc.nat({ max: 200 }),
  seats: fc.option(fc.integer({ min: 1, max: 256 }), { nil: undefined }),
  isReady: fc.boolean(),
  showsLoad: fc.boolean(),
  pendingPromptTokens: fc.nat({ max: 100_000 }),
  pendingOutputTokens: fc.nat({ max: 100_000 }),
  ttftMs: fc.option(fc.double({ min: 0, max: 1e5, noNaN: true }), { nil: undefined }),
  isEjected: fc.boolean(),
  errorShare: fc.double({ min: 0, max: 1, noNaN: true }),
  isAvoided: fc.boolean(),
  tier: fc.constantFrom("gold", "silver", undefined),
});

/** Pools of up to eight endpoints in any state. */
export const pools = fc.array(anyState, { maxLength: 8 }).map((states) =>
  states.map((state, index): Endpoint => {
    const { kind, active, recent, kvCacheUsage, tier, showsLoad, ...rest } = state;
    const { waitingRequests, runningRequests, maxActiveAdapters, ...counts } = rest;
    const known: ModelServerMetrics = {
      scrapedAtMs: 0,
      waitingRequests,
      runningRequests,
      maxActiveAdapters,
      activeAdapters: new Set(active),
      showsLoad,
      ...(kvCacheUsage === undefined ? {} : { kvCacheUsage }),
    };
    return endpoint({
      ...counts,
      address: `10.0.0.${index + 1}:8000`,
      labels: tier === undefined ? {} : { tier },
      recentAdapters: new Set(recent),
      metrics: kind === "missing" ? { kind } : { kind, metrics: known },
    });
  }),
);

export const requests = fc.record(
  {
    model: fc.constantFrom("base", "a"),
    adapter: fc.constantFrom("a", "b"),
    priority: fc.integer({ min: -2, max: 2 }),
    session: fc.constantFrom("s1", "s2"),
  },
  { requiredKeys: ["model"] },
);

/** Contexts in which any endpoint may hold any part of the prompt. */
export const contexts = fc
  .record({
    promptTokens: fc.nat({ max: 10_000 }),
    outputTokens: fc.nat({ max: 1_000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    drawn: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  })
  .map(({ promptTokens, outputTokens, share, drawn }) =>
    context({
      promptTokens,
      outputTokens,
      random: () => drawn,
      cachedTokens: ({ address }) => (address.charCodeAt(7) % 2) * share * promptTokens,
    }),
  );
