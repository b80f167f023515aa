import { afterEach, describe, expect, test } from "@jest/globals";
import { createPoolRegistry } from "../../src/pools/pool-registry.ts";
import { type ScrapeLoop, startScrapeLoop } from "../../src/scrape/scrape-loop.ts";
import { apply, type Served, seriesOf, serve } from "./served-state.ts";
import { pool, topologyOf } from "./topologies.ts";

const stays = pool("stays", ["10.0.0.1:80"]);
let loop: ScrapeLoop | undefined;
afterEach(async () => {
  await loop?.close();
  loop = undefined;
});

/** One request to each pool, whose model only its endpoint serves. */
function traffic({ pools, metrics, load }: Served): void {
  for (const { name, state, served } of pools.values()) {
    for (const address of state.addresses()) {
      served.record(address, { base: [`model-${address}`], adapters: [], parents: new Map() });
      served.recordNamed(address, new Set([`adapter-${address}`]));
      served.markDoubtful(address);
      metrics.scraped([name], "ok", 1);
    }
    const picked = state.pick({ model: "m" });
    if (!picked.ok) continue;
    const { endpoint } = picked;
    const model = `model-${endpoint}`;
    const made = { outcome: "picked", model, endpoint, tookMs: 1 } as const;
    metrics.requests.decided("primary", name, made, 1);
    metrics.requests.ended("primary", name, 1);
    const of = metrics.compat?.labelsOf(name, new Map(), made);
    if (of !== undefined) {
      metrics.compat?.decided(of, name, made, 1);
      metrics.compat?.ended(of, 1);
    }
    load.picked(name, "primary");
    picked.lease.done();
  }
}

/** Number of series of all metrics. */
function sizeOf({ metrics }: Served): number {
  return metrics.exposition.families.reduce((sum, { read }) => sum + [...read()].length, 0);
}

describe("what comes and goes leaves nothing", () => {
  test("of 1,000 pools", () => {
    const served = serve(topologyOf(stays));
    traffic(served);
    apply(served, topologyOf(stays));
    const before = { series: seriesOf(served), size: sizeOf(served) };
    for (let round = 0; round < 20; round++) {
      const pools = Array.from({ length: 50 }, (_, i) =>
        pool(`p${round}-${i}`, [`10.1.${round}.${i}:80`], {
          models: [{ name: `configured-${round}-${i}`, criticality: "Standard" }],
        }),
      );
      apply(served, topologyOf(stays, ...pools));
      traffic(served);
      expect(served.pools.size).toBe(51);
      // The values of the newest pools are shown, not `other`.
      expect(seriesOf(served).join("\n")).toContain(`model-10.1.${round}.49:80`);
    }
    apply(served, topologyOf(stays));
    expect([...served.pools.keys()]).toEqual(["stays"]);
    expect(seriesOf(served)).toEqual(before.series);
    expect(sizeOf(served)).toBe(before.size);
    expect(served.load.loadOf(["p0-0"])?.requests).toBe(0);
    expect(served.metrics.labels.model("stays", "configured-0-0")).toBe("other");
  });

  test("of 5,000 endpoints", () => {
    const served = serve(topologyOf(stays));
    traffic(served);
    apply(served, topologyOf(stays));
    const before = { series: seriesOf(served), size: sizeOf(served) };
    for (let round = 0; round < 100; round++) {
      const more = Array.from({ length: 50 }, (_, i) => `10.2.${round}.${i}:80`);
      apply(served, topologyOf({ ...stays, endpoints: [...stays.endpoints, ...more] }));
      for (let i = 0; i < 5; i++) traffic(served);
    }
    apply(served, topologyOf(stays));
    const found = served.pools.get("stays");
    expect(found?.state.addresses()).toEqual(stays.endpoints);
    expect([...(found?.served.base ?? [])]).toEqual(["model-10.0.0.1:80"]);
    expect(found?.engines.size).toBe(0);
    const names = (series: readonly string[]) => new Set(series);
    const added = seriesOf(served).filter((each) => !names(before.series).has(each));
    expect(added.filter((each) => each.includes("10.2."))).toEqual([]);
    expect(sizeOf(served)).toBeLessThanOrEqual(before.size + 4);
  });

  test("of the scrapers of 1,000 endpoints, except connections that are still closing", async () => {
    const registry = createPoolRegistry(topologyOf(stays), {
      now: () => performance.now(),
      random: Math.random,
      staleAfterMs: 2_000,
    });
    const scraped = new Set<string>();
    loop = startScrapeLoop({
      pools: registry,
      ...{ intervalMs: 50, staleAfterMs: 2_000, timeoutMs: 100 },
      now: () => performance.now(),
      random: Math.random,
      onScrape: (pools) => void pools.map((each) => scraped.add(each)),
    });
    const base = process.getActiveResourcesInfo().length;
    for (let round = 0; round < 20; round++) {
      // Nothing listens there, so each scrape fails at once.
      const more = Array.from({ length: 50 }, (_, i) => `127.0.${round}.${i + 1}:9`);
      registry.begin(topologyOf(stays, pool("comes", more)));
      loop.update();
      expect(loop.endpoints).toBe(51);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(scraped.has("comes")).toBe(true);
    registry.begin(topologyOf(stays));
    registry.retire();
    loop.update();
    expect(loop.endpoints).toBe(1);
    const endMs = performance.now() + 5_000;
    while (process.getActiveResourcesInfo().length > base + 10 && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(base + 10);
  });
});
