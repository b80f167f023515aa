import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import { createSimulatedServer, defaultOptions, type SimulatedServer } from "@umbra/simulator";
import pino from "pino";
import { createEndpointClient, type Page } from "../src/scrape/endpoint-client.ts";
import { createGovernor } from "../src/scrape/governor.ts";

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

describe("asking an endpoint for a page", () => {
  test("gives its text, in whatever pieces it comes", async () => {
    const address = await serve((_request, response) => {
      response.write("adapter_é");
      setImmediate(() => response.end("_end"));
    });
    expect(await pageOf(address)).toEqual({ ok: true, text: "adapter_é_end" });
  });

  test("keeps pages apart that arrive at the same time, the long ones too", async () => {
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

  test("keeps one connection", async () => {
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
      name: "a page without end",
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
      name: "a drip",
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
  ])("tells why there is none: $name", async ({ listener, want, timeoutMs }) => {
    expect(await pageOf(await serve(listener), timeoutMs)).toMatchObject({ ok: false, ...want });
  });

  test("tells of an endpoint that is not there", async () => {
    expect(await pageOf("127.0.0.1:1")).toMatchObject({ ok: false, code: "unreachable" });
  });
});

describe("the governor of scraping", () => {
  const governor = (endpoints: number) =>
    createGovernor({ wantedMs: 100, longestMs: 600, maxShare: 0.2, endpoints });

  test("keeps the wanted interval while there is time", () => {
    const small = governor(16);
    for (let i = 0; i < 1_000; i++) small.spent(0.05, 20_000);
    expect(small.intervalMs()).toBe(100);
  });

  test("stretches it so that all endpoints together stay within their share, up to the longest", () => {
    const many = governor(1_000);
    for (let i = 0; i < 1_000; i++) many.spent(0.02, 0);
    // 1,000 endpoints of 0.08 ms each are 80 ms; a fifth of a core gives them 400 ms.
    expect(many.intervalMs()).toBeCloseTo(400, 0);
    for (let i = 0; i < 1_000; i++) many.spent(5, 0);
    expect(many.intervalMs()).toBe(600);
  });

  test("counts large pages, whose reading is not all measured", () => {
    const large = governor(200);
    for (let i = 0; i < 1_000; i++) large.spent(0.1, 300_000);
    expect(large.intervalMs()).toBeGreaterThan(400);
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

  test("explains a pick by what it has scraped", async () => {
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
    { query: "pool=nobody", status: 404, error: /there is no pool "nobody"; pools are/ },
    { query: "pool=primary&promptTokens=many", status: 400, error: /whole numbers/ },
  ])("refuses to explain $query", async ({ query, status, error }) => {
    const origin = await started([0]);
    const answer = await json(`${origin}/v1/explain?${query}`);
    expect(answer.status).toBe(status);
    expect((answer.body as { error: string }).error).toMatch(error);
  });
});
