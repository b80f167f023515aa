import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import { createSimulatedServer, type SimulatedServer } from "@umbra/simulator";
import { defaultOptions } from "@umbra/simulator/internal";
import fc from "fast-check";
import pino from "pino";
import { createEndpointClient, type Page } from "../src/scrape/endpoint-client.ts";
import { createGovernor, type EndpointShare } from "../src/scrape/governor.ts";

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type TextPage = { readonly ok: true; readonly text: string } | Extract<Page, { ok: false }>;

function pageOf(address: string, timeoutMs = 2_000): Promise<TextPage> {
  const client = createEndpointClient(address, timeoutMs);
  closers.push(() => client.close());
  return new Promise((resolve) => {
    client.get("/metrics", (page) =>
      resolve(page.ok ? { ok: true, text: page.bytes.toString() } : page),
    );
  });
}

describe("requesting a page from an endpoint", () => {
  test("returns its text, however it is split", async () => {
    const address = await serve((_request, response) => {
      response.write("adapter_é");
      setImmediate(() => response.end("_end"));
    });
    expect(await pageOf(address)).toEqual({ ok: true, text: "adapter_é_end" });
  });

  test("does not mix pages that arrive at the same time, even long ones", async () => {
    const texts = Array.from({ length: 20 }, (_, i) => `${i} `.repeat(1 + i * 10_000));
    const addresses = await Promise.all(
      texts.map((text) =>
        serve((_request, response) => {
          response.write(text.slice(0, 5));
          setImmediate(() => response.end(text.slice(5)));
        }),
      ),
    );
    for (let round = 0; round < 2; round++) {
      const pages = await Promise.all(addresses.map((address) => pageOf(address)));
      expect(pages).toEqual(texts.map((text) => ({ ok: true, text })));
    }
  });

  test("uses one connection", async () => {
    const ports = new Set<number | undefined>();
    const address = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.end("x");
    });
    const client = createEndpointClient(address, 2_000);
    closers.push(() => client.close());
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => client.get("/metrics", resolve));
    }
    expect(ports.size).toBe(1);
  });

  test.each<{ name: string; listener: RequestListener; want: object; timeoutMs?: number }>([
    {
      name: "a status",
      listener: (_request, response) => void response.writeHead(500).end("no"),
      want: { code: "bad_status", reason: "/metrics answered 500" },
    },
    {
      name: "an endless page",
      listener: (_request, response) => {
        const chunk = Buffer.alloc(1 << 20);
        const more = (): void => {
          if (!response.destroyed) response.write(chunk, () => setImmediate(more));
        };
        more();
      },
      want: { code: "too_large" },
    },
    {
      name: "silence",
      listener: () => {},
      want: { code: "timeout" },
      timeoutMs: 50,
    },
    {
      name: "a page that drips",
      listener: (_request, response) => {
        const drip = setInterval(() => response.write("x"), 5);
        response.on("close", () => clearInterval(drip));
      },
      want: { code: "timeout" },
      timeoutMs: 60,
    },
    {
      name: "a reset",
      listener: (request) => void request.socket.destroy(),
      want: { code: "unreachable" },
    },
  ])("returns the reason for a failure: $name", async ({ listener, want, timeoutMs }) => {
    expect(await pageOf(await serve(listener), timeoutMs)).toMatchObject({ ok: false, ...want });
  });

  test("reports a missing endpoint", async () => {
    expect(await pageOf("127.0.0.1:1")).toMatchObject({ ok: false, code: "unreachable" });
  });
});

describe("the governor of scraping", () => {
  const shares = (endpoints: number, options: { readonly wantedMs?: number } = {}) => {
    const governor = createGovernor({ wantedMs: 100, longestMs: 600, maxShare: 0.2, ...options });
    return Array.from({ length: endpoints }, () => governor.add());
  };
  const spend = (all: readonly EndpointShare[], ms: number, bytes = 0, times = 100) => {
    for (let i = 0; i < times; i++) for (const share of all) share.spent(ms, bytes);
  };

  test("keeps the requested interval while there is time", () => {
    const small = shares(16);
    spend(small, 0.05, 20_000);
    expect(small.map((share) => share.intervalMs())).toEqual(Array(16).fill(100));
  });

  test("stretches it so that all endpoints together stay within their share, up to the maximum", () => {
    const many = shares(1_000);
    spend(many, 0.02);
    // 1,000 endpoints of 0.08 ms each are 80 ms; a fifth of a core gives them 400 ms.
    expect(many[0]?.intervalMs()).toBeCloseTo(400, 0);
    spend(many, 3);
    expect(many[0]?.intervalMs()).toBe(600);
  });

  test("counts large pages, which are not fully measured", () => {
    const large = shares(200);
    spend(large, 0.1, 300_000);
    expect(large[0]?.intervalMs()).toBeGreaterThan(400);
  });

  test.each([1, 20, 60])("%p costly endpoints don't stretch other intervals", (count) => {
    const all = shares(count + 100);
    const costly = all.slice(0, count);
    const cheap = all.slice(count);
    spend(cheap, 0.05);
    spend(costly, 10);
    spend(cheap, 0.05);
    expect(cheap.map((share) => share.intervalMs())).toEqual(Array(100).fill(100));
    // The others share what the cheap ones leave of a fifth of a core, each with at most a hundredth.
    const cheapShare = (100 * 0.11) / 100;
    const share = Math.min(0.01, (0.2 - cheapShare) / count);
    expect(costly[0]?.intervalMs()).toBeCloseTo(Math.min(30_000, 10.06 / share), 0);
  });

  test("does not treat one slow reading as a costly page, because the process may have waited for a core", () => {
    const [share] = shares(1) as [EndpointShare];
    spend([share], 0.1);
    share.spent(1_000, 0);
    expect(share.intervalMs()).toBeLessThan(250);
    spend([share], 0.1, 0, 40);
    expect(share.intervalMs()).toBe(100);
  });

  test.each([
    { count: 1, ms: 8 },
    { count: 50, ms: 3.5 },
    { count: 100, ms: 6 },
  ])("keeps metrics of $count endpoints that all cost $ms ms fresh", ({ count, ms }) => {
    const all = shares(count);
    spend(all, ms, 400_000);
    for (const share of all) expect(share.intervalMs()).toBeLessThanOrEqual(600);
  });

  test("stretches an endpoint below four times the median cost only to the maximum", () => {
    const cost = fc.double({ min: 2, max: 7.5, noNaN: true });
    fc.assert(
      fc.property(fc.array(cost, { minLength: 1, maxLength: 40 }), (costs) => {
        const all = shares(costs.length);
        for (let i = 0; i < 100; i++) {
          for (const [at, each] of all.entries()) each.spent(costs[at] ?? 0, 0);
        }
        for (const each of all) expect(each.intervalMs()).toBeLessThanOrEqual(600);
      }),
    );
  });

  test("keeps all within their share, whatever the cost of fewer than half of the pages", () => {
    const cost = fc.double({ min: 4.5, max: 19, noNaN: true });
    fc.assert(
      fc.property(fc.array(cost, { minLength: 1, maxLength: 40 }), (costly) => {
        const costs = [...costly, ...Array<number>(costly.length + 1).fill(0.1)];
        const all = shares(costs.length);
        for (let i = 0; i < 100; i++) {
          for (const [at, each] of all.entries()) each.spent(costs[at] ?? 0, 0);
        }
        const used = all.reduce((sum, each, at) => sum + (costs[at] ?? 0) / each.intervalMs(), 0);
        expect(used).toBeLessThan(0.21);
      }),
    );
  });
});

describe("a sidecar", () => {
  async function started(waiting: readonly number[]): Promise<string> {
    const servers: SimulatedServer[] = [];
    const primary: string[] = [];
    for (const count of waiting) {
      const server = createSimulatedServer({ ...defaultOptions, timeScale: 0 });
      servers.push(server);
      server.pinMetrics({ waiting: count });
      primary.push(await server.listen(0, "127.0.0.1"));
      closers.push(() => server.close());
    }
    const sidecar: Sidecar = await startSidecar({
      topology: directTopology({ primary, shadow: [], port: 80 }),
      grpc: "127.0.0.1:0",
      admin: { host: "127.0.0.1", port: 0 },
      log: pino({ level: "silent" }),
    });
    closers.push(() => sidecar.close(0));
    return `http://${sidecar.adminAddress}`;
  }

  async function json(url: string): Promise<{ readonly status: number; readonly body: never }> {
    const answer = await fetch(url);
    return { status: answer.status, body: (await answer.json()) as never };
  }

  test("explains a pick from scraped metrics", async () => {
    const origin = await started([3, 0]);
    let explained: {
      explanation: { picked?: string; filters: { name: string }[]; totals: { score: number }[] };
    };
    const endMs = performance.now() + 4_000;
    do {
      const { body } = await json(
        `${origin}/v1/explain?pool=primary&model=m&promptTokens=10&session=s&priority=0`,
      );
      explained = body;
    } while (explained.explanation.totals?.[0]?.score !== 0 && performance.now() < endMs);
    expect(explained.explanation.totals.map(({ score }) => score)).toEqual([0, 1]);
    expect(explained.explanation.filters.map(({ name }) => name)).toContain("fresh-metrics");
    expect(explained).toMatchObject({ request: { session: "s", promptTokens: 10, priority: 0 } });
  });

  test.each([
    { query: "pool=nobody", status: 404, error: /there is no pool "nobody"; existing pools:/ },
    { query: "pool=primary&promptTokens=many", status: 400, error: /whole numbers/ },
  ])("rejects the query $query", async ({ query, status, error }) => {
    const origin = await started([0]);
    const answer = await json(`${origin}/v1/explain?${query}`);
    expect(answer.status).toBe(status);
    expect((answer.body as { error: string }).error).toMatch(error);
  });
});
