import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { mirrorTo, poolRef, routeScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

// One of two endpoints answers every request with an error, at once, so that it always looks idle. The status of every
// answer reaches the pool's health, with and without a mirror: nearly all requests go to the other endpoint.

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const withStatus =
  (status: number): Answer =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: "no" } }));
  };
const faults: Readonly<Record<string, Answer>> = {
  "500": withStatus(500),
  "503": withStatus(503),
  "401": withStatus(401),
  "404": withStatus(404),
  reset: (request) => void request.socket.destroy(),
  truncated(_request, response) {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write("{");
    setImmediate(() => response.socket?.destroy());
  },
};
const ways = Object.keys(faults);
const lanes = ["plain", "mirrored"];
const cases = ways.flatMap((way) => lanes.map((lane) => ({ way, lane, pool: `${way}-${lane}` })));
/** Requests that may fail before the endpoint is avoided: three errors in a row say enough. */
const mostFailed = 3;

interface Endpoint {
  readonly address: string;
  fault: Answer | undefined;
  served: number;
  close(): void;
}

/** A model server with this many requests in its running batch, as its metrics say. */
async function startEndpoint(running: number, fault?: Answer): Promise<Endpoint> {
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response
        .writeHead(request.url === "/metrics" ? 200 : 404)
        .end(
          `vllm:num_requests_running ${running}\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0\n`,
        );
      return;
    }
    request.resume();
    request.on("end", () => {
      if (endpoint.fault !== undefined) {
        endpoint.fault(request, response);
        return;
      }
      endpoint.served++;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ id: "1", choices: [{ message: { content: "a" } }] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint: Endpoint = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault,
    served: 0,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return endpoint;
}

interface PoolStates {
  readonly pools: readonly {
    readonly name: string;
    readonly endpoints: readonly {
      readonly address: string;
      readonly isEjected: boolean;
      readonly errorShare: number;
    }[];
  }[];
}

const bad = new Map<string, Endpoint>();
let good: Endpoint;
let shadow: Endpoint;
let gone: Endpoint;
let gateway: Gateway;

beforeAll(async () => {
  [good, shadow, gone] = await Promise.all([startEndpoint(20), startEndpoint(0), startEndpoint(0)]);
  for (const { way, pool } of cases) bad.set(pool, await startEndpoint(0, faults[way]));
  const rules = cases.map(({ lane, pool }) => {
    const filters = lane === "plain" ? "" : mirrorTo("shadow");
    return `{matches: [{path: {value: /${pool}}}], filters: [${filters}], backendRefs: [${poolRef(`p-${pool}`)}]}`;
  });
  const pools = cases.map(({ pool }) => [`p-${pool}`, `${bad.get(pool)?.address},${good.address}`]);
  gateway = await startGateway({
    resources: routeScenario({
      rules: [...rules, `{matches: [{path: {value: /gone}}], backendRefs: [${poolRef("p-gone")}]}`],
      pools: {
        ...Object.fromEntries(pools),
        "p-gone": `${gone.address},${good.address}`,
        shadow: shadow.address,
      },
    }),
  });
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  for (const each of [...bad.values(), good, shadow, gone]) each.close();
});

async function errorShareOf(pool: string, address: string): Promise<number> {
  const { pools } = await gateway.json<PoolStates>("/v1/pools");
  const found = pools.find(({ name }) => name.endsWith(pool));
  return found?.endpoints.find((each) => each.address === address)?.errorShare ?? Number.NaN;
}

test.each(cases)("an endpoint that fails by $way costs few requests, $lane", async ({ pool }) => {
  const failed: number[] = [];
  for (let index = 0; index < 30; index++) {
    const { status, text } = await post(gateway.origin, chat(), { path: `/${pool}` });
    if (status !== 200 || !text.endsWith("}")) failed.push(status);
  }
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.length).toBeLessThanOrEqual(mostFailed);
  expect(await errorShareOf(pool, bad.get(pool)?.address ?? "")).toBeGreaterThan(0.2);
});

test("an endpoint that is gone costs no request, and the attempt that failed there is its own", async () => {
  await until("it was scraped", async () =>
    Number.isFinite(await errorShareOf("p-gone", gone.address)),
  );
  gone.close();
  const statuses: number[] = [];
  for (let index = 0; index < 10; index++) {
    statuses.push((await post(gateway.origin, chat(), { path: "/gone" })).status);
  }
  expect(new Set(statuses)).toEqual(new Set([200]));
  await until(
    "the failed attempt was counted",
    async () => (await errorShareOf("p-gone", gone.address)) > 0,
  );
  expect(await errorShareOf("p-gone", good.address)).toBe(0);
});

test("endpoints that work again get requests again", async () => {
  for (const each of bad.values()) each.fault = undefined;
  await until(
    "each has served",
    async () => {
      const idle = cases.filter(({ pool }) => bad.get(pool)?.served === 0);
      await Promise.all(idle.map(({ pool }) => post(gateway.origin, chat(), { path: `/${pool}` })));
      return idle.length === 0;
    },
    60_000,
  );
}, 70_000);
