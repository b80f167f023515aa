import { describe, expect, test } from "@jest/globals";
import {
  adapterRoomFilter,
  capacityFilter,
  circuitBrokenFilter,
  defineFilter,
  type Endpoint,
  engineReadyFilter,
  type Filter,
  freshMetricsFilter,
  type InferenceRequest,
  labelFilter,
  leastKvCacheFilter,
  leastQueueFilter,
  loraAffinityFilter,
  lowQueueFilter,
  maxInFlightFilter,
  type PickContext,
  prefixAffinityFilter,
} from "@umbra/scheduler";
import { context, endpoint, fresh, keptBy, metrics } from "./fixtures.ts";

const base: InferenceRequest = { model: "base" };
const sql: InferenceRequest = { model: "sql", adapter: "sql" };
const holds = { activeAdapters: new Set(["sql"]) };
function untoldAdapters(address: string): Endpoint {
  const { maxActiveAdapters: _, ...untold } = metrics();
  return endpoint({ address, metrics: { kind: "fresh", metrics: untold } });
}

const full = { activeAdapters: new Set(["x"]), maxActiveAdapters: 1 };
const stale = (address: string) =>
  endpoint({ address, metrics: { kind: "stale", metrics: metrics() } });
const missing = (address: string) => endpoint({ address, metrics: { kind: "missing" } });
const queues = (...waiting: readonly number[]) =>
  waiting.map((waitingRequests, i) => fresh("abcdef"[i] ?? "", { waitingRequests }));
const usages = (...used: readonly number[]) =>
  used.map((kvCacheUsage, i) => fresh("abcdef"[i] ?? "", { kvCacheUsage }));

interface Case {
  readonly name: string;
  readonly filter: Filter;
  readonly request?: InferenceRequest;
  readonly endpoints: readonly Endpoint[];
  readonly context?: PickContext;
  /** Addresses, one letter each. */
  readonly want: string;
}

const cases: readonly Case[] = [
  {
    name: "fresh metrics before stale and missing ones",
    filter: freshMetricsFilter,
    endpoints: [stale("a"), fresh("b"), missing("c")],
    want: "b",
  },
  {
    name: "all if none is fresh: this process's requests in flight decide",
    filter: freshMetricsFilter,
    endpoints: [missing("a"), stale("b")],
    want: "ab",
  },
  {
    name: "no unscraped endpoint if another has only a single request",
    filter: freshMetricsFilter,
    endpoints: [missing("a"), fresh("b", { runningRequests: 1 })],
    want: "b",
  },
  {
    name: "an unscraped endpoint if the fresh ones are loaded",
    filter: freshMetricsFilter,
    endpoints: [missing("a"), stale("b"), fresh("c", { runningRequests: 20 })],
    want: "abc",
  },
  {
    name: "no unscraped endpoint with as many in flight as the others",
    filter: freshMetricsFilter,
    endpoints: [
      { ...missing("a"), inFlight: 5 },
      { ...stale("b"), inFlight: 3 },
      { ...fresh("c", { runningRequests: 5 }), inFlight: 5 },
    ],
    want: "bc",
  },
  {
    name: "engines that are ready or report no state",
    filter: engineReadyFilter,
    endpoints: [
      fresh("a", { state: "asleep" }),
      fresh("b", { state: "loading" }),
      fresh("c", { state: "draining" }),
      fresh("d", { state: "ready" }),
      missing("e"),
    ],
    want: "de",
  },
  {
    name: "no engine if all are asleep, which the profile then ignores",
    filter: engineReadyFilter,
    endpoints: [fresh("a", { state: "asleep" })],
    want: "",
  },
  {
    name: "all if none was scraped",
    filter: freshMetricsFilter,
    endpoints: [missing("a"), missing("b")],
    want: "ab",
  },
  {
    name: "all if all are fresh",
    filter: freshMetricsFilter,
    endpoints: queues(1, 2),
    want: "ab",
  },
  {
    name: "all if all are stale",
    filter: freshMetricsFilter,
    endpoints: [stale("a"), stale("b")],
    want: "ab",
  },
  {
    name: "the first tenth of the range of queues",
    filter: leastQueueFilter(),
    endpoints: queues(10, 11, 12, 20),
    want: "ab",
  },
  {
    name: "the shortest queues alone",
    filter: leastQueueFilter({ band: "lowest" }),
    endpoints: queues(10, 11, 10),
    want: "ac",
  },
  {
    name: "queues within the range divided by the endpoints, in whole requests",
    filter: leastQueueFilter({ band: "range-per-endpoint" }),
    endpoints: queues(0, 3, 10),
    want: "ab",
  },
  {
    name: "queues within the rounded range, and not one request beyond",
    filter: leastQueueFilter({ band: "range-per-endpoint" }),
    endpoints: queues(0, 4, 11),
    want: "a",
  },
  {
    name: "requests sent since the scrape as queue",
    filter: leastQueueFilter(),
    endpoints: [{ ...fresh("a"), sentSinceScrape: 2 }, fresh("b", { waitingRequests: 1 })],
    want: "b",
  },
  {
    name: "an unscraped endpoint behind an idle one",
    filter: leastQueueFilter(),
    endpoints: [missing("a"), fresh("b")],
    want: "b",
  },
  {
    name: "an unscraped endpoint before one with a queue",
    filter: leastQueueFilter(),
    endpoints: [missing("a"), fresh("b", { waitingRequests: 1_000 })],
    want: "a",
  },
  {
    name: "an unscraped endpoint with fewer in flight than the others have",
    filter: leastQueueFilter(),
    endpoints: [
      { ...missing("a"), inFlight: 8 },
      { ...fresh("b"), inFlight: 10 },
    ],
    want: "a",
  },
  {
    name: "the least in flight among the unscraped",
    filter: leastQueueFilter({ band: "lowest" }),
    endpoints: [{ ...missing("a"), inFlight: 2 }, missing("b")],
    want: "b",
  },
  {
    name: "the first tenth of the range of KV caches",
    filter: leastKvCacheFilter(),
    endpoints: usages(0.5, 0.54, 0.56, 1),
    want: "ab",
  },
  {
    name: "KV caches within the range divided by the endpoints",
    filter: leastKvCacheFilter({ band: "range-per-endpoint" }),
    endpoints: usages(0, 0.3, 1),
    want: "ab",
  },
  {
    name: "the freest KV cache alone",
    filter: leastKvCacheFilter({ band: "lowest" }),
    endpoints: usages(0.2, 0.1),
    want: "b",
  },
  {
    name: "an unscraped or unreported KV cache as half full",
    filter: leastKvCacheFilter({ band: "lowest" }),
    endpoints: [missing("a"), fresh("b", { kvCacheUsage: 0.6 }), untold("c")],
    want: "ac",
  },
  {
    name: "the adapter's holders",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a"), fresh("b", holds)],
    want: "b",
  },
  {
    name: "endpoints that recently got requests for the adapter",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a"), { ...fresh("b"), recentAdapters: new Set(["sql"]) }],
    want: "b",
  },
  {
    name: "room for the adapter if no endpoint holds it",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a", full), fresh("b"), missing("c")],
    want: "bc",
  },
  {
    name: "no holder with half a batch waiting if its seats are known",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [{ ...fresh("a", { ...holds, waitingRequests: 8 }), seats: 16 }, fresh("b")],
    want: "b",
  },
  {
    name: "a holder with less than half a batch waiting",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [{ ...fresh("a", { ...holds, waitingRequests: 7 }), seats: 16 }, fresh("b")],
    want: "a",
  },
  {
    name: "no endpoint if the adapter fits nowhere, which the profile then ignores",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a", full), fresh("b", full)],
    want: "",
  },
  {
    name: "all for a base model",
    filter: loraAffinityFilter(),
    endpoints: [fresh("a", full), fresh("b", holds)],
    want: "ab",
  },
  {
    name: "no holder with 128 waiting",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a", { ...holds, waitingRequests: 128 }), fresh("b")],
    want: "b",
  },
  {
    name: "a holder with 127 waiting",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a", { ...holds, waitingRequests: 127 }), fresh("b")],
    want: "a",
  },
  {
    name: "holders at a draw below the affinity probability",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a"), fresh("b", holds)],
    context: context({ random: () => 0.998 }),
    want: "b",
  },
  {
    name: "room at a draw of the affinity probability",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a"), fresh("b", holds)],
    context: context({ random: () => 0.999 }),
    want: "a",
  },
  {
    name: "holders at any draw if no other endpoint has room",
    filter: loraAffinityFilter(),
    request: sql,
    endpoints: [fresh("a", full), fresh("b", holds)],
    context: context({ random: () => 0.9999 }),
    want: "b",
  },
  {
    name: "holders and endpoints with room",
    filter: adapterRoomFilter,
    request: sql,
    endpoints: [fresh("a", full), fresh("b", holds), fresh("c")],
    want: "bc",
  },
  {
    name: "all of any adapters for a base model",
    filter: adapterRoomFilter,
    endpoints: [fresh("a", full), fresh("b", holds)],
    want: "ab",
  },
  {
    name: "room if a server does not report adapters and holds fewer than 8",
    filter: adapterRoomFilter,
    request: sql,
    endpoints: [
      untoldAdapters("a"),
      { ...untoldAdapters("b"), recentAdapters: new Set("1234567") },
      { ...untoldAdapters("c"), recentAdapters: new Set("12345678") },
      fresh("d", { maxActiveAdapters: 0 }),
    ],
    want: "ab",
  },
  {
    name: "slots of recent adapters as taken",
    filter: adapterRoomFilter,
    request: sql,
    endpoints: [
      {
        ...fresh("a", { activeAdapters: new Set(["x"]), maxActiveAdapters: 2 }),
        recentAdapters: new Set(["y"]),
      },
      {
        ...fresh("b", { activeAdapters: new Set(["x"]), maxActiveAdapters: 2 }),
        recentAdapters: new Set(["x"]),
      },
    ],
    want: "b",
  },
  {
    name: "adapters that a server reports as loaded, as held and as taking slots",
    filter: adapterRoomFilter,
    request: sql,
    endpoints: [
      fresh("a", { loadedAdapters: new Set(["sql"]), maxActiveAdapters: 1 }),
      fresh("b", { loadedAdapters: new Set(["x"]), maxActiveAdapters: 1 }),
      {
        ...fresh("c", {
          loadedAdapters: new Set(["x"]),
          activeAdapters: new Set(["x"]),
          maxActiveAdapters: 2,
        }),
        recentAdapters: new Set(["x"]),
      },
    ],
    want: "ac",
  },
  {
    name: "queues below the threshold",
    filter: lowQueueFilter(),
    endpoints: queues(127, 128, 0),
    want: "ac",
  },
  {
    name: "queues below a custom threshold",
    filter: lowQueueFilter({ threshold: 2 }),
    endpoints: queues(1, 2),
    want: "a",
  },
  {
    name: "all for a request that is not sheddable",
    filter: capacityFilter(),
    endpoints: queues(6, 5),
    want: "ab",
  },
  {
    name: "at most 5 waiting for a sheddable request",
    filter: capacityFilter(),
    request: { model: "base", criticality: "Sheddable" },
    endpoints: queues(6, 5),
    want: "b",
  },
  {
    name: "at most 0.8 of the KV cache for a sheddable request",
    filter: capacityFilter(),
    request: { model: "base", priority: -1 },
    endpoints: usages(0.8, 0.81),
    want: "a",
  },
  {
    name: "capacity for all requests with that option",
    filter: capacityFilter({ appliesTo: "all", waitingRequests: 1, kvCacheUsage: 0.5 }),
    endpoints: [...queues(1, 2), fresh("c", { kvCacheUsage: 0.6 })],
    want: "a",
  },
  {
    name: "capacity if KV-cache usage is unknown, and by requests in flight if all load is unknown",
    filter: capacityFilter({ appliesTo: "all" }),
    endpoints: [
      { ...missing("a"), inFlight: 99 },
      untold("b"),
      { ...missing("c"), inFlight: 100 },
      { ...stale("d"), inFlight: 4, seats: 4 },
      { ...fresh("e", { showsLoad: false }), inFlight: 5 },
    ],
    want: "abe",
  },
  {
    name: "fewer in flight than allowed",
    filter: maxInFlightFilter(3),
    endpoints: [endpoint({ address: "a", inFlight: 3 }), endpoint({ address: "b", inFlight: 2 })],
    want: "b",
  },
  {
    name: "those not ejected",
    filter: circuitBrokenFilter,
    endpoints: [endpoint({ address: "a", isEjected: true }), fresh("b")],
    want: "b",
  },
  {
    name: "the label's values",
    filter: labelFilter({ label: "tier", values: ["gold", "silver"] }),
    endpoints: [
      endpoint({ address: "a", labels: { tier: "gold" } }),
      endpoint({ address: "b", labels: { tier: "tin" } }),
      endpoint({ address: "c", labels: { tier: "silver" } }),
      fresh("d"),
    ],
    want: "ac",
  },
  {
    name: "any value of the label, and no inherited name",
    filter: labelFilter({ label: "constructor" }),
    endpoints: [endpoint({ address: "a", labels: { constructor: "x" } as never }), fresh("b")],
    want: "a",
  },
  {
    name: "those without the label with that option",
    filter: labelFilter({ label: "tier", values: ["gold"], allowMissing: true }),
    endpoints: [endpoint({ address: "a", labels: { tier: "tin" } }), fresh("b")],
    want: "b",
  },
  {
    name: "those that hold four fifths of the prompt",
    filter: prefixAffinityFilter(),
    endpoints: [fresh("a"), fresh("b"), fresh("c")],
    context: context({ promptTokens: 100, cached: { a: 80, b: 79 } }),
    want: "a",
  },
  {
    name: "those that hold a custom share",
    filter: prefixAffinityFilter({ threshold: 0.5 }),
    endpoints: [fresh("a"), fresh("b")],
    context: context({ promptTokens: 100, cached: { a: 80, b: 49 } }),
    want: "a",
  },
  {
    name: "no endpoint without a prompt",
    filter: prefixAffinityFilter(),
    endpoints: [fresh("a")],
    want: "",
  },
];

function untold(address: string): Endpoint {
  const { kvCacheUsage: _, ...rest } = metrics();
  return endpoint({ address, metrics: { kind: "fresh", metrics: rest } });
}

describe("filters keep", () => {
  test.each(cases)("$name", ({ filter, request = base, endpoints, want, context: of }) => {
    expect(keptBy(filter, request, endpoints, of).join("")).toBe(want);
  });

  test.each([
    { name: "fresh-metrics", filter: freshMetricsFilter },
    { name: "least-queue", filter: leastQueueFilter() },
    { name: "least-kv-cache", filter: leastKvCacheFilter() },
    { name: "lora-affinity", filter: loraAffinityFilter() },
    { name: "adapter-room", filter: adapterRoomFilter },
    { name: "low-queue", filter: lowQueueFilter() },
    { name: "sheddable-capacity", filter: capacityFilter(), refusal: "SHED" },
    { name: "max-in-flight", filter: maxInFlightFilter(1), refusal: "POOL_SATURATED" },
    { name: "circuit-broken", filter: circuitBrokenFilter },
    { name: "label:x", filter: labelFilter({ label: "x" }), refusal: "NO_ELIGIBLE_ENDPOINT" },
    { name: "prefix-affinity", filter: prefixAffinityFilter() },
  ])("has the name $name and refuses with $refusal", ({ name, filter, refusal }) => {
    expect(filter.name).toBe(name);
    expect(filter.refusal).toBe(refusal);
  });

  test("a custom filter drops what it does not keep", () => {
    const region = defineFilter({
      name: "region",
      keep: ({ attributes }, { labels }) => labels.region === attributes?.region,
    });
    const endpoints = [
      endpoint({ address: "a", labels: { region: "eu" } }),
      endpoint({ address: "b", labels: { region: "us" } }),
      endpoint({ address: "c", labels: { region: "eu" } }),
    ];
    const request = { model: "base", attributes: { region: "eu" } };
    expect(keptBy(region, request, endpoints)).toEqual(["a", "c"]);
    expect(region.narrow(request, endpoints.slice(0, 1), context())).toHaveLength(1);
    const same = [endpoints[0] as Endpoint];
    expect(region.narrow(request, same, context())).toBe(same);
  });

  test.each([
    leastQueueFilter(),
    leastKvCacheFilter(),
    freshMetricsFilter,
    loraAffinityFilter(),
    adapterRoomFilter,
  ])("$name returns the same array if nothing is dropped", (filter) => {
    const endpoints = [fresh("a"), fresh("b")];
    expect(filter.narrow(base, endpoints, context())).toBe(endpoints);
  });
});
