import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { chat, post, postMany } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

interface Pairs {
  readonly pairs: readonly {
    readonly requestId: string;
    readonly primary: {
      readonly responseId?: string;
      readonly endpoint?: string;
      readonly status: number;
    };
    readonly shadow: {
      readonly responseId?: string;
      readonly endpoint?: string;
      readonly status: number;
    };
  }[];
}

interface Pools {
  readonly pools: readonly {
    readonly endpoints: readonly {
      readonly address: string;
      readonly inFlight: number;
      readonly metrics: {
        readonly metrics?: { readonly waitingRequests: number; readonly kvCacheUsage: number };
      };
    }[];
  }[];
}

const idle = { waiting: 0, running: 0, kvCacheUsage: 0.1, runningAdapters: [] as string[] };

/** Without it no body beyond 1 MiB is mirrored where there is no policy. */
const largeCopies = ["--set", "maxShadowBody=16Mi"];

describe("the reference scenario on a real Envoy", () => {
  let primary: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let gateway: Gateway;

  beforeAll(async () => {
    primary = await startModelServers(3);
    shadow = await startModelServers(3);
    gateway = await startGateway({
      resources: scenario({ primary: addresses(primary), shadow: addresses(shadow) }),
      renderFlags: largeCopies,
      serveFlags: largeCopies,
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await stopModelServers([...primary, ...shadow]);
  });

  beforeEach(() => {
    for (const { server } of [...primary, ...shadow]) server.pinMetrics(idle);
  });

  /** Waits until the sidecar has scraped what each server says now. */
  async function scraped(
    lane: readonly ModelServer[],
    states: readonly (typeof idle)[],
  ): Promise<void> {
    await until("the scrapes have seen every server's state", async () => {
      const { pools } = await gateway.json<Pools>("/v1/pools");
      const known = new Map(
        pools.flatMap(({ endpoints }) =>
          endpoints.map((each) => [each.address, each.metrics.metrics]),
        ),
      );
      return lane.every(({ address }, index) => {
        const metrics = known.get(address);
        const state = states[index];
        return (
          metrics?.waitingRequests === state?.waiting &&
          metrics?.kvCacheUsage === state?.kvCacheUsage
        );
      });
    });
  }

  async function pairOf(requestId: string): Promise<Pairs["pairs"][number]> {
    let found: Pairs["pairs"][number] | undefined;
    await until(`request ${requestId} is paired`, async () => {
      const { pairs } = await gateway.json<Pairs>("/v1/pairs");
      found = pairs.find((pair) => pair.requestId === requestId);
      return found !== undefined;
    });
    if (found === undefined) throw new Error("unreachable");
    return found;
  }

  test.each([
    { name: "one answer", isStream: false },
    { name: "a stream", isStream: true },
  ])("gives the client the primary's answer and the shadow a copy: $name", async ({ isStream }) => {
    const seen = await post(gateway.origin, chat({ isStream }));
    expect(seen.status).toBe(200);
    const requestId = String(seen.headers["x-request-id"]);
    const pair = await pairOf(requestId);
    const id = /"id":\s*"([^"]+)"/.exec(seen.text)?.[1];
    expect(pair.primary.responseId).toBe(id);
    expect(pair.shadow.status).toBe(200);
    expect(pair.shadow.responseId).not.toBe(id);
    expect(primary.map(({ address }) => address)).toContain(pair.primary.endpoint);
    expect(shadow.map(({ address }) => address)).toContain(pair.shadow.endpoint);
  });

  test.each([
    {
      name: "the shortest queue",
      model: "/model/llama2",
      states: [{ waiting: 9 }, { waiting: 0 }, { waiting: 5 }],
      best: 1,
    },
    {
      name: "the freest KV cache among equal queues",
      model: "/model/llama2",
      states: [{ kvCacheUsage: 0.9 }, { kvCacheUsage: 0.8 }, { kvCacheUsage: 0.2 }],
      best: 2,
    },
    {
      name: "the holder of the adapter, though its queue is longer",
      model: "sql-lora",
      states: [{ waiting: 3, runningAdapters: ["sql-lora"] }, { waiting: 0 }, { waiting: 1 }],
      best: 0,
    },
  ])("picks $name on both lanes", async ({ model, states, best }) => {
    for (const lane of [primary, shadow]) {
      const full = states.map((state) => ({ ...idle, ...state }));
      full.forEach((state, index) => {
        lane[index]?.server.pinMetrics(state);
      });
      await scraped(lane, full);
    }
    for (let i = 0; i < 8; i++) {
      // A copy that still runs counts as one more in its endpoint's queue.
      await until("nothing is in flight", async () => {
        const { pools } = await gateway.json<Pools>("/v1/pools");
        return pools.every(({ endpoints }) => endpoints.every(({ inFlight }) => inFlight === 0));
      });
      const { status, headers } = await post(
        gateway.origin,
        chat({ model, isStream: i % 2 === 0 }),
      );
      expect(status).toBe(200);
      const pair = await pairOf(String(headers["x-request-id"]));
      expect(pair.primary.endpoint).toBe(primary[best]?.address);
      expect(pair.shadow.endpoint).toBe(shadow[best]?.address);
    }
  });

  test("spreads a burst between two scrapes evenly on both lanes", async () => {
    for (const { server } of [...primary, ...shadow]) server.setFaults({ delayMs: 1_000 });
    const answers = await postMany(gateway.origin, 30, 30, () => chat());
    for (const { server } of [...primary, ...shadow]) server.setFaults({});
    const counts = new Map<string | undefined, number>();
    for (const { headers } of answers) {
      const pair = await pairOf(String(headers["x-request-id"]));
      for (const endpoint of [pair.primary.endpoint, pair.shadow.endpoint]) {
        counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
      }
    }
    const spread = [...counts.values()];
    expect(spread).toHaveLength(6);
    expect(Math.min(...spread)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...spread)).toBeLessThanOrEqual(12);
  });

  test.each([1_000, 65_536, 1_000_000, 9_000_000])(
    "passes and mirrors a body of %d bytes whole",
    async (promptBytes) => {
      const body = chat({ promptBytes });
      const seen = await post(gateway.origin, body);
      expect(seen.status).toBe(200);
      const tokens = (text: string) => Number(/"prompt_tokens":\s*(\d+)/.exec(text)?.[1]);
      expect(tokens(seen.text)).toBeGreaterThanOrEqual(promptBytes / 4);
      const pair = await pairOf(String(seen.headers["x-request-id"]));
      expect(pair.shadow.status).toBe(200);
    },
    30_000,
  );

  test("keeps a client from choosing the endpoint", async () => {
    const seen = await post(gateway.origin, chat(), {
      headers: { "x-gateway-destination-endpoint": "127.0.0.1:1", "x-umbra-mirror": "nothing" },
    });
    expect(seen.status).toBe(200);
    const pair = await pairOf(String(seen.headers["x-request-id"]));
    expect(primary.map(({ address }) => address)).toContain(pair.primary.endpoint);
  });

  test("lists models by any endpoint", async () => {
    const { request } = await import("undici");
    const { statusCode, body } = await request(`${gateway.origin}/v1/models`, {
      headers: { host: "example.com" },
    });
    expect(statusCode).toBe(200);
    expect(await body.text()).toContain("sql-lora");
  });

  test("logs requests as JSON with their lane", async () => {
    await post(gateway.origin, chat());
    const lanes = () =>
      new Set(
        gateway.envoy
          .output()
          .split("\n")
          .filter((line) => line.startsWith("{"))
          .map((line) => (JSON.parse(line) as { lane: string }).lane),
      );
    await until("both lanes are in the access log", () => lanes().size === 2, 20_000);
    expect(lanes()).toEqual(new Set(["primary", "shadow"]));
  }, 30_000);

  test("writes no prompt into any log or report", async () => {
    const canary = "canary-5f1d";
    await post(
      gateway.origin,
      JSON.stringify({
        model: "/model/llama2",
        max_tokens: 2,
        messages: [{ role: "user", content: canary }],
      }),
    );
    await post(gateway.origin, `{"model": ["${canary}"], "messages": []}`);
    const told = [
      gateway.envoy.output(),
      gateway.sidecar().output(),
      JSON.stringify(await gateway.json("/v1/pairs")),
      JSON.stringify(await gateway.json("/v1/report")),
    ];
    expect(told.join("\n")).not.toContain(canary);
  });
});
