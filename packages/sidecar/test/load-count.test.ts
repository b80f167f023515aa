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

  test("a load ratio is about the mean number of endpoints, not the present one", () => {
    const { clock, pools, load } = setUp({ a: 4, b: 4 });
    const pass = (seconds: number) => {
      for (let i = 0; i < seconds; i++) {
        for (let j = 0; j < 4; j++) load.picked("a", "primary");
        for (let j = 0; j < 4; j++) load.picked("b", "shadow");
        clock.ms += 1_000;
        load.loadOf(["a", "b"]);
      }
    };
    pass(99);
    pools.get("b")?.state.setEndpoints(["10.0.1.1:1"]);
    pass(1);
    expect(load.ratio(["a"], "b")).toBeCloseTo(4 / 3.97, 5);
  });

  test("an evaluation that begins later counts from then on", () => {
    const { clock, load } = setUp({ a: 1, b: 1 });
    for (let i = 0; i < 1_000; i++) load.picked("a", "primary");
    clock.ms += 100_000;
    const mark = load.mark();
    for (let i = 0; i < 200; i++) load.picked("a", "primary");
    for (let i = 0; i < 200; i++) load.picked("b", "shadow");
    clock.ms += 10_000;
    expect(load.ratio(["a"], "b", mark)).toBe(1);
    expect(load.loadOf(["a"], mark)).toMatchObject({ requests: 200, seconds: 10 });
  });

  test("a pool that comes back begins at 0 and reads its new endpoints", () => {
    const { clock, pools, load } = setUp({ a: 1, b: 1 });
    for (let i = 0; i < 500; i++) load.picked("a", "primary");
    const mark = load.mark();
    const others = setUp({ a: 1 }).pools;
    const changed = pools as Map<string, ServedPool>;
    changed.delete("a");
    load.loadOf(["b"]);
    for (const [name, pool] of others) changed.set(name, pool);
    load.picked("a", "primary");
    clock.ms += 1_000;
    others
      .get("a")
      ?.state.recordScrape("10.0.0.0:1", { ...metrics, scrapedAtMs: 1_000 }, 1_000, 100);
    expect(load.loadOf(["a"], mark)).toMatchObject({ requests: 1, utilisation: { running: 6 } });
  });
});
