import { describe, expect, test } from "@jest/globals";
import {
  createProfile,
  decisionTreeProfile,
  defaultProfile,
  defineFilter,
  defineScorer,
  type Endpoint,
  type InferenceRequest,
  kvCacheScorer,
  maxScorePicker,
  type Profile,
  referenceProfile,
} from "@umbra/scheduler";
import { context, endpoint, fresh, metrics } from "./fixtures.ts";

const base: InferenceRequest = { model: "/model/llama2" };
const sql: InferenceRequest = { model: "sql-lora", adapter: "sql-lora" };
const holding = { activeAdapters: new Set(["sql-lora"]) };
const full = { activeAdapters: new Set(["a", "b"]), maxActiveAdapters: 2 };
const stale = (address: string) =>
  endpoint({ address, metrics: { kind: "stale", metrics: metrics() } });
const missing = (address: string) => endpoint({ address, metrics: { kind: "missing" } });

function chosen(
  profile: Profile,
  request: InferenceRequest,
  endpoints: readonly Endpoint[],
  of = context(),
): string | undefined {
  const choice = profile.choose(request, endpoints, of);
  return "refusedBy" in choice ? choice.refusedBy.refusal : choice.address;
}

interface Case {
  readonly name: string;
  readonly request: InferenceRequest;
  readonly endpoints: readonly Endpoint[];
  readonly want: string;
}

describe("the default profile", () => {
  const cases: readonly Case[] = [
    {
      name: "takes the shortest queue",
      request: base,
      endpoints: [fresh("a", { waitingRequests: 3 }), fresh("b", { waitingRequests: 1 })],
      want: "b",
    },
    {
      name: "takes the freest KV cache among equal queues",
      request: base,
      endpoints: [fresh("a", { kvCacheUsage: 0.5 }), fresh("b", { kvCacheUsage: 0.4 })],
      want: "b",
    },
    {
      name: "takes the adapter's holder before a shorter queue",
      request: sql,
      endpoints: [fresh("a"), fresh("b", { waitingRequests: 9, ...holding })],
      want: "b",
    },
    {
      name: "takes room for the adapter before a shorter queue",
      request: sql,
      endpoints: [fresh("a", full), fresh("b", { waitingRequests: 9 })],
      want: "b",
    },
    {
      name: "takes the shortest queue where the adapter fits nowhere",
      request: sql,
      endpoints: [
        fresh("a", { ...full, waitingRequests: 2 }),
        fresh("b", { ...full, waitingRequests: 1 }),
      ],
      want: "b",
    },
    {
      name: "leaves a holder with a long queue",
      request: sql,
      endpoints: [
        fresh("a", { waitingRequests: 128, ...holding }),
        fresh("b", { waitingRequests: 9 }),
      ],
      want: "b",
    },
    {
      name: "ignores adapters for a base model",
      request: base,
      endpoints: [fresh("a", { waitingRequests: 1 }), fresh("b", full)],
      want: "b",
    },
    {
      name: "counts what was sent since the scrape",
      request: base,
      endpoints: [{ ...fresh("a"), sentSinceScrape: 2 }, fresh("b", { waitingRequests: 1 })],
      want: "b",
    },
    {
      name: "prefers fresh metrics of an idle endpoint",
      request: base,
      endpoints: [stale("a"), missing("c"), fresh("b")],
      want: "b",
    },
    {
      name: "takes an unscraped endpoint where the others are loaded",
      request: base,
      endpoints: [missing("b"), fresh("a", { runningRequests: 50 })],
      want: "b",
    },
    {
      name: "does not pick a sleeping engine, however idle",
      request: base,
      endpoints: [fresh("a", { state: "asleep" }), fresh("b", { waitingRequests: 99 })],
      want: "b",
    },
    {
      name: "prefers stale metrics to none by requests in flight alone",
      request: base,
      endpoints: [{ ...stale("a"), inFlight: 1 }, missing("b")],
      want: "b",
    },
    {
      name: "takes the one with fewest in flight where nothing was scraped",
      request: base,
      endpoints: [{ ...missing("a"), inFlight: 2 }, missing("b")],
      want: "b",
    },
    {
      name: "leaves out what was ejected",
      request: base,
      endpoints: [endpoint({ address: "a", isEjected: true }), fresh("b", { waitingRequests: 99 })],
      want: "b",
    },
  ];
  test.each(cases)("$name", ({ request, endpoints, want }) => {
    for (const drawn of [0, 0.5, 0.999]) {
      const of = context({ random: () => drawn });
      expect(chosen(defaultProfile(), request, endpoints, of)).toBe(want);
    }
  });

  test("takes the holder of the prompt's beginning before a shorter queue", () => {
    const endpoints = [fresh("a", { waitingRequests: 2 }), fresh("b")];
    const of = context({ promptTokens: 3_000, cached: { a: 2_500 } });
    expect(chosen(defaultProfile(), base, endpoints, of)).toBe("a");
  });

  test("breaks ties by the random source", () => {
    const endpoints = [fresh("a"), fresh("b")];
    expect(chosen(defaultProfile(), base, endpoints, context({ random: () => 0.9 }))).toBe("a");
    expect(chosen(defaultProfile(), base, endpoints, context({ random: () => 0 }))).toBe("b");
  });
});

describe.each([
  { name: "default", profile: defaultProfile },
  { name: "reference", profile: referenceProfile },
  { name: "decision tree", profile: decisionTreeProfile },
])("the profile $name", ({ profile }) => {
  const well = fresh("well", { waitingRequests: 2, runningRequests: 9 });
  const bad: readonly Endpoint[] = [
    fresh("asleep", { state: "asleep" }),
    { ...fresh("ejected"), isEjected: true },
    { ...fresh("avoided"), isAvoided: true },
  ];

  test.each(["Critical", "Standard", "Sheddable"] as const)(
    "leaves endpoints alone that sleep or fail: %s",
    (criticality) => {
      const request = { ...sql, criticality };
      for (const drawn of [0, 0.5, 0.999]) {
        const of = context({ random: () => drawn });
        for (const each of bad) expect(chosen(profile(), request, [each, well], of)).toBe("well");
        expect(chosen(profile(), request, [...bad, well], of)).toBe("well");
        for (const each of bad) expect(chosen(profile(), request, [each], of)).toBe(each.address);
      }
    },
  );
});

describe("the decision tree", () => {
  const critical = (adapter: string): InferenceRequest => ({
    model: adapter,
    adapter,
    criticality: "Critical",
  });
  const sheddable: InferenceRequest = { model: "m", adapter: "m", criticality: "Sheddable" };
  const pod = (
    address: string,
    waitingRequests: number,
    kvCacheUsage: number,
    active: readonly string[] = [],
  ) =>
    fresh(address, {
      waitingRequests,
      kvCacheUsage,
      activeAdapters: new Set(active),
      maxActiveAdapters: 2,
    });
  const three = [
    pod("p1", 0, 0.2, ["foo", "bar"]),
    pod("p2", 3, 0.1, ["foo", "critical"]),
    pod("p3", 10, 0.2, ["foo"]),
  ];
  const cases: readonly Case[] = [
    {
      name: "critical goes to its adapter",
      request: critical("critical"),
      endpoints: three,
      want: "p2",
    },
    {
      name: "sheddable goes to what has capacity",
      request: sheddable,
      endpoints: three,
      want: "p1",
    },
    {
      name: "sheddable is dropped where nothing has capacity",
      request: sheddable,
      endpoints: [pod("p1", 10, 0.9), pod("p2", 3, 0.85), pod("p3", 10, 0.85)],
      want: "SHED",
    },
    {
      name: "standard takes the branch of sheddable",
      request: { model: "m" },
      endpoints: [pod("p1", 6, 0.2), pod("p2", 0, 0.85), pod("p3", 10, 0.9)],
      want: "SHED",
    },
    {
      name: "critical leaves a holder with a long queue while another is low",
      request: critical("m"),
      endpoints: [pod("p1", 10, 0.2), pod("p2", 200, 0.2, ["m"]), pod("p3", 6, 0.2)],
      want: "p3",
    },
    {
      name: "critical is placed by queue if all are long",
      request: critical("m"),
      endpoints: [pod("p1", 300, 0.2, ["m"]), pod("p2", 200, 0.2)],
      want: "p2",
    },
    {
      name: "critical is placed by queue if only a sleeping engine has a low one",
      request: critical("m"),
      endpoints: [
        pod("p1", 300, 0.2, ["m"]),
        pod("p2", 200, 0.2),
        fresh("p3", { state: "asleep" }),
      ],
      want: "p2",
    },
    {
      name: "sheddable passes with four waiting",
      request: sheddable,
      endpoints: [pod("p1", 4, 0.2), pod("p2", 0, 0.85), pod("p3", 10, 0.9)],
      want: "p1",
    },
  ];
  test.each(cases)("$name", ({ request, endpoints, want }) => {
    const profile = decisionTreeProfile();
    expect(chosen(profile, request, endpoints)).toBe(want);
    expect(profile).toMatchObject({ name: "decision-tree", picker: "random" });
    expect(profile.recordPick(request, endpoints[0] as Endpoint, context())).toBeUndefined();
  });
});

test("the reference's profile weighs queue 2, KV cache 2, prefix 3", () => {
  const endpoints = [
    fresh("queue", { kvCacheUsage: 0.5 }),
    fresh("cached", { waitingRequests: 1, kvCacheUsage: 0.5 }),
  ];
  const of = (cached: number) => context({ promptTokens: 100, cached: { cached } });
  expect(chosen(referenceProfile(), base, endpoints, of(66))).toBe("queue");
  expect(chosen(referenceProfile(), base, endpoints, of(67))).toBe("cached");
  const kv = [fresh("a", { kvCacheUsage: 1 }), fresh("b", { waitingRequests: 1 })];
  expect(chosen(referenceProfile(), base, kv, context({ random: () => 0 }))).toBe("b");
});

describe("createProfile", () => {
  test("weights scores and clamps those outside of 0 to 1", () => {
    const by = (name: string, scores: Readonly<Record<string, number>>) =>
      defineScorer({ name, rate: (_request, { address }) => scores[address] ?? Number.NaN });
    const profile = createProfile({
      name: "test",
      scorers: [
        { scorer: by("queue", { a: 1, b: 0 }), weight: 1 },
        { scorer: by("too high", { a: 0, b: 1e9 }), weight: 0.5 },
        { scorer: by("none", { b: -1 }), weight: 9 },
      ],
      picker: maxScorePicker,
    });
    expect(chosen(profile, base, [fresh("a"), fresh("b")])).toBe("a");
  });

  test("an endpoint without a score scores 0", () => {
    const filler = defineScorer({ name: "filler", rate: () => 1 });
    const lazy = { name: "lazy", score: () => {} };
    const profile = createProfile({
      name: "test",
      scorers: [
        { scorer: filler, weight: 1 },
        { scorer: lazy, weight: 1 },
      ],
      picker: { name: "first", pick: (scores) => (scores[0] === 1 ? 0 : 1) },
    });
    expect(chosen(profile, base, [fresh("a"), fresh("b")])).toBe("a");
  });

  test("ignores a preference that leaves no endpoint; a refusing filter refuses, even with one endpoint", () => {
    const none = defineFilter({ name: "none", keep: () => false });
    const demand = defineFilter({ name: "no", refusal: "NO_ELIGIBLE_ENDPOINT", keep: () => false });
    const of = (filter: typeof none) =>
      createProfile({ name: "test", filters: [filter], picker: maxScorePicker });
    const endpoints = [fresh("a"), fresh("b")];
    expect(endpoints.map(({ address }) => address)).toContain(chosen(of(none), base, endpoints));
    expect(chosen(of(none), base, [fresh("a")])).toBe("a");
    expect(chosen(of(demand), base, endpoints)).toBe("NO_ELIGIBLE_ENDPOINT");
    expect(chosen(of(demand), base, [fresh("a")])).toBe("NO_ELIGIBLE_ENDPOINT");
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses a weight of %d", (weight) => {
    const scorers = [{ scorer: kvCacheScorer, weight }];
    expect(() => createProfile({ name: "test", scorers, picker: maxScorePicker })).toThrow(
      `the weight of kv-cache in the profile test is ${weight}: give it a number of at least 0`,
    );
  });

  test("works for more endpoints than it has seen before", () => {
    const profile = defaultProfile();
    for (const count of [3, 40, 1_000]) {
      const endpoints = Array.from({ length: count }, (_, i) =>
        fresh(`e${i}`, { waitingRequests: i === count - 1 ? 0 : 5 }),
      );
      expect(chosen(profile, base, endpoints)).toBe(`e${count - 1}`);
    }
  });
});
