import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { createPoolRegistry } from "../../src/pools/pool-registry.ts";
import { createGovernor } from "../../src/scrape/governor.ts";
import { startScrapeLoop } from "../../src/scrape/scrape-loop.ts";
import { until } from "../until.ts";
import { pool, topologyOf } from "./topologies.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function modelServer() {
  const paths: string[] = [];
  let connections = 0;
  const server = createServer(({ url = "" }, response) => {
    paths.push(url);
    const list = { object: "list", data: [{ id: "m", object: "model" }] };
    const page =
      "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n";
    response.end(url === "/v1/models" ? JSON.stringify(list) : page);
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, paths, connections: () => connections };
}

function follow(first: Parameters<typeof createPoolRegistry>[0]) {
  const now = () => performance.now();
  const registry = createPoolRegistry(first, { now, random: Math.random, staleAfterMs: 2_000 });
  const loop = startScrapeLoop({
    pools: registry,
    ...{ intervalMs: 10, staleAfterMs: 2_000, timeoutMs: 1_000, now, random: Math.random },
    onScrape: () => {},
  });
  closers.push(() => loop.close());
  return {
    registry,
    loop,
    change(next: typeof first) {
      registry.begin(next);
      registry.admitEndpoints();
      registry.retire();
      loop.update();
    },
  };
}

describe("a changed way to an endpoint", () => {
  test("restarts only its own scraper", async () => {
    const [one, two] = [await modelServer(), await modelServer()];
    const endpoints = [one.address, two.address];
    const { change } = follow(topologyOf(pool("a", endpoints)));
    await until(async () => one.paths.length > 2 && two.paths.length > 2);
    const endpointScrape = { [one.address]: { path: "/elsewhere" } };
    change(topologyOf(pool("a", endpoints, { endpointScrape })));
    await until(async () => one.paths.includes("/elsewhere"));
    const seen = two.paths.length;
    await until(async () => two.paths.length > seen + 2);
    expect([one.connections(), two.connections()]).toEqual([2, 1]);
    expect(one.paths.lastIndexOf("/metrics")).toBeLessThan(one.paths.indexOf("/elsewhere"));
  });

  test("is not one if only the order of its settings changed", async () => {
    const one = await modelServer();
    const { change } = follow(
      topologyOf(pool("a", [one.address], { scrape: { port: undefined } as never })),
    );
    await until(async () => one.paths.length > 2);
    change(topologyOf(pool("a", [one.address], { scrape: {} })));
    const seen = one.paths.length;
    await until(async () => one.paths.length > seen + 2);
    expect(one.connections()).toBe(1);
  });
});

describe("an endpoint in several pools", () => {
  test("is scraped once; a pool that comes later gets its metrics and models", async () => {
    const one = await modelServer();
    const { change, registry, loop } = follow(topologyOf(pool("a", [one.address])));
    await until(async () => registry.get("a")?.served.has("m") === true);
    change(topologyOf(pool("a", [one.address]), pool("b", [one.address])));
    await until(async () => registry.get("b")?.served.has("m") === true);
    const metrics = () => registry.get("b")?.state.snapshot().endpoints[0]?.metrics.kind;
    await until(async () => metrics() === "fresh");
    expect([one.connections(), loop.endpoints]).toEqual([1, 1]);
  });

  test("is scraped on while one of them has it", async () => {
    const one = await modelServer();
    const { change, loop } = follow(topologyOf(pool("a", [one.address]), pool("b", [one.address])));
    await until(async () => one.paths.length > 2);
    change(topologyOf(pool("b", [one.address])));
    const seen = one.paths.length;
    await until(async () => one.paths.length > seen + 2);
    expect([one.connections(), loop.endpoints]).toEqual([1, 1]);
    change(topologyOf());
    expect(loop.endpoints).toBe(0);
  });
});

test("the governor gives the part of a removed endpoint to the others", () => {
  const governor = createGovernor({ wantedMs: 100, longestMs: 600, maxShare: 0.2 });
  const shares = Array.from({ length: 1_000 }, () => governor.add());
  const spend = () => {
    for (let i = 0; i < 100; i++) for (const share of shares) share.spent(0.02, 0);
  };
  spend();
  expect(shares[0]?.intervalMs()).toBeCloseTo(400, 0);
  for (const share of shares.splice(250)) share.remove();
  spend();
  expect(shares[0]?.intervalMs()).toBe(100);
  expect(governor.intervalMs()).toBe(100);
});
