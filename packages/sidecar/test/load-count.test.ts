import { describe, expect, test } from "@jest/globals";
import { createPool } from "@umbra/scheduler";
import { createLoadCount } from "../src/evaluation/load-count.ts";
import type { PoolRegistry } from "../src/pools/pool-registry.ts";
import type { ServedPool } from "../src/pools/served-pool.ts";

const metrics = {
  ...{
    waitingRequests: 2,
    runningRequests: 6,
    kvCacheUsage: 0.5,
    activeAdapters: new Set<string>(),
  },
  waitingAdapters: new Set<string>(),
};

/** A clock, and pools with the given number of endpoints. */
function setUp(sizes: Readonly<Record<string, number>>) {
  const clock = { ms: 1_000 };
  const now = () => clock.ms;
  const pools: PoolRegistry = new Map(
    Object.entries(sizes).map(([name, size]) => {
      const state = createPool({ name, now, random: () => 0.5, staleAfterMs: 5_000 });
      const addresses = Array.from({ length: size }, (_, i) => ({ address: `10.0.0.${i}:1` }));
      state.setEndpoints(addresses);
      return [name, { name, state } as unknown as ServedPool];
    }),
  );
  return { clock, pools, load: createLoadCount(pools, now) };
}

describe("load count", () => {
  test("counts all requests of a pool's endpoints, in both lanes", () => {
    const { clock, load } = setUp({ a: 4, b: 1 });
    for (let i = 0; i < 400; i++) load.picked("a", "primary");
    for (let i = 0; i < 100; i++) load.picked("b", "shadow");
    load.picked("b", "primary");
    clock.ms += 50_000;
    expect(load.loadOf(["a"])).toEqual({ requests: 400, seconds: 50, utilisation: null });
    expect(load.loadOf(["b"])?.requests).toBe(101);
    expect(load.ratio(["a"], "b")).toBe(1);
  });

  test("has the mean of the endpoints' reports, read once per second", () => {
    const { clock, pools, load } = setUp({ a: 2 });
    load.picked("a", "primary");
    const report = (address: string, running: number) =>
      pools
        .get("a")
        ?.state.recordScrape(
          address,
          { ...metrics, scrapedAtMs: clock.ms, runningRequests: running },
          clock.ms,
          100,
        );
    report("10.0.0.0:1", 6);
    report("10.0.0.1:1", 2);
    for (let i = 0; i < 10; i++) load.loadOf(["a"]);
    expect(load.loadOf(["a"])?.utilisation).toEqual({
      ...{ running: 4, waiting: 2, kv_cache: 0.5, readings: 2 },
    });
  });

  test("the peak is for all pools together, without the current block", () => {
    const { clock, load } = setUp({ a: 1, b: 1 });
    for (let block = 0; block < 100; block++) {
      const requests = block === 7 || block === 8 ? 80 : 20;
      for (let i = 0; i < requests; i++) load.picked(i % 2 === 0 ? "a" : "b", "primary");
      clock.ms += 10_000;
    }
    for (let i = 0; i < 999; i++) load.picked("a", "primary");
    expect(load.peakPerSecond(["a", "b"])).toBe(8);
    expect(load.peakPerSecond(["a"])).toBe(4);
  });

  test("few blocks have no peak", () => {
    const { clock, load } = setUp({ a: 1 });
    load.picked("a", "primary");
    clock.ms += 60_000;
    expect(load.peakPerSecond(["a"])).toBeUndefined();
  });
});
