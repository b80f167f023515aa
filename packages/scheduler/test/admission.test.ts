import { describe, expect, test } from "@jest/globals";
import {
  admitAll,
  concurrencyDetector,
  createAdmission,
  type Endpoint,
  isSheddable,
  priorityOf,
  promptTokensOf,
  utilizationDetector,
} from "@umbra/scheduler";
import { endpoint, fresh, metrics } from "./fixtures.ts";

const { kvCacheUsage: _, ...untold } = metrics();

const staleAndFull: Endpoint["metrics"] = {
  kind: "stale",
  metrics: metrics({ waitingRequests: 99 }),
};
const blind = (overrides: Partial<Endpoint> = {}) =>
  endpoint({ metrics: { kind: "missing" }, ...overrides });

describe("saturation", () => {
  test.each([
    { name: "nothing", endpoints: [], want: 1 },
    { name: "an idle endpoint", endpoints: [fresh("a")], want: 0 },
    { name: "5 waiting", endpoints: [fresh("a", { waitingRequests: 5 })], want: 1 },
    { name: "0.8 of the KV cache", endpoints: [fresh("a", { kvCacheUsage: 0.8 })], want: 1 },
    {
      name: "the closer of the two limits",
      endpoints: [fresh("a", { waitingRequests: 1, kvCacheUsage: 0.4 })],
      want: 0.5,
    },
    { name: "the mean", endpoints: [fresh("a"), fresh("b", { waitingRequests: 10 })], want: 1 },
    { name: "no metrics, idle", endpoints: [blind()], want: 0 },
    { name: "no metrics, 50 in flight", endpoints: [blind({ inFlight: 50 })], want: 0.5 },
    { name: "no metrics, 100 in flight", endpoints: [blind({ inFlight: 100 })], want: 1 },
    {
      name: "no metrics, every seat taken",
      endpoints: [blind({ inFlight: 16, seats: 16 })],
      want: 1,
    },
    { name: "stale metrics, idle", endpoints: [blind({ metrics: staleAndFull })], want: 0 },
    {
      name: "stale metrics, 100 in flight",
      endpoints: [blind({ metrics: staleAndFull, inFlight: 100 })],
      want: 1,
    },
    {
      name: "a page without load, 25 in flight",
      endpoints: [{ ...fresh("a", { showsLoad: false }), inFlight: 25 }],
      want: 0.25,
    },
    {
      name: "one saturated and one idle, without metrics",
      endpoints: [fresh("a", { waitingRequests: 5 }), blind()],
      want: 0.5,
    },
    {
      name: "one awake and saturated, one asleep",
      endpoints: [fresh("a", { waitingRequests: 5 }), fresh("b", { state: "asleep" })],
      want: 1,
    },
    { name: "all asleep", endpoints: [fresh("a", { state: "asleep" })], want: 0 },
    {
      name: "an unreported KV cache",
      endpoints: [endpoint({ metrics: { kind: "fresh", metrics: untold } })],
      want: 0,
    },
  ])("by utilization of $name is $want", ({ endpoints, want }) => {
    expect(utilizationDetector()(endpoints)).toBeCloseTo(want);
  });

  test("by utilization with custom limits", () => {
    const detector = utilizationDetector({ waitingRequests: 10, kvCacheUsage: 0.5 });
    expect(detector([fresh("a", { waitingRequests: 5 })])).toBe(0.5);
    expect(detector([fresh("a", { kvCacheUsage: 0.5 })])).toBe(1);
  });

  test("by utilization, requests sent since the scrape count as waiting with that option", () => {
    const sent = [{ ...fresh("a", { waitingRequests: 1 }), sentSinceScrape: 2 }];
    expect(utilizationDetector()(sent)).toBeCloseTo(0.2);
    expect(utilizationDetector({ withSent: true })(sent)).toBeCloseTo(0.6);
    expect(admitAll().saturation(sent)).toBeCloseTo(0.6);
  });

  test("by concurrency: requests or tokens", () => {
    expect(concurrencyDetector()([endpoint({ inFlight: 50 }), endpoint()])).toBe(0.25);
    const tokens = endpoint({ pendingPromptTokens: 300_000, pendingOutputTokens: 200_000 });
    expect(concurrencyDetector()([tokens])).toBe(0.5);
    expect(concurrencyDetector({ requests: 4, tokens: 10 })([endpoint({ inFlight: 2 })])).toBe(0.5);
  });
});

describe("admission", () => {
  const full = [fresh("a", { waitingRequests: 5 })];
  const idle = [fresh("a")];
  const sheddable = { model: "base", priority: -1 };
  const standard = { model: "base" };

  test("sheds only sheddable requests of a saturated pool", () => {
    const admission = createAdmission();
    expect(admission.refuses(sheddable, full)).toBe("SHED");
    expect(admission.refuses(sheddable, idle)).toBeUndefined();
    expect(admission.refuses(standard, full)).toBeUndefined();
    expect(admission.retryAfterMs).toBe(1_000);
  });

  test("can shed earlier, and refuse all requests of a very saturated pool", () => {
    const admission = createAdmission({ shedFrom: 0.5, refuseFrom: 1, retryAfterMs: 5_000 });
    const half = [fresh("a", { waitingRequests: 3 })];
    expect(admission.refuses(sheddable, half)).toBe("SHED");
    expect(admission.refuses(standard, half)).toBeUndefined();
    expect(admission.refuses(standard, full)).toBe("POOL_SATURATED");
    expect(admission.retryAfterMs).toBe(5_000);
  });

  test("runs the detector only if its result matters", () => {
    const admission = createAdmission({
      detector: () => {
        throw new Error("asked");
      },
    });
    expect(admission.refuses(standard, full)).toBeUndefined();
  });

  test("admitAll refuses no request and still reports saturation", () => {
    expect(admitAll().refuses(sheddable, full)).toBeUndefined();
    expect(admitAll().saturation(full)).toBe(1);
    expect(admitAll(() => 7).saturation(full)).toBe(7);
  });
});

describe("requests", () => {
  test.each([
    [{ model: "m" }, 0, false],
    [{ model: "m", criticality: "Critical" as const }, 1, false],
    [{ model: "m", criticality: "Standard" as const }, 0, false],
    [{ model: "m", criticality: "Sheddable" as const }, -1, true],
    [{ model: "m", criticality: "Critical" as const, priority: -5 }, -5, true],
  ])("%j has priority %d; sheddable: %s", (request, priority, shed) => {
    expect(priorityOf(request)).toBe(priority);
    expect(isSheddable(request)).toBe(shed);
  });

  test("a prompt's tokens are as given, or a quarter of its bytes", () => {
    expect(promptTokensOf({ model: "m", promptTokens: 7, prompt: new Uint8Array(9) })).toBe(7);
    expect(promptTokensOf({ model: "m", prompt: new Uint8Array(9) })).toBe(3);
    expect(promptTokensOf({ model: "m" })).toBe(0);
  });
});
