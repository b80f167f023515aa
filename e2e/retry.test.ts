import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { mirrorTo, poolRef, routeScenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

/** An endpoint that answers everything with one status, or never, and counts. */
async function startEndpoint(status: number | "never") {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    if (request.method !== "POST") {
      response.writeHead(404).end();
      return;
    }
    seen.push(request.url ?? "");
    request.resume();
    if (status !== "never") {
      request.on("end", () => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify({ id: "1", choices: [] }));
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    seen,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Endpoint = Awaited<ReturnType<typeof startEndpoint>>;

let endpoints: readonly Endpoint[];
let shadow: Endpoint;
let gateway: Gateway;

beforeAll(async () => {
  const statuses = [503, 503, 200] as const;
  endpoints = await Promise.all([...statuses, "never" as const].map(startEndpoint));
  shadow = await startEndpoint(200);
  const [bad, worse, good, mute] = endpoints.map(({ address }) => address);
  // A pool avoids endpoints that have failed in it: each test of failures has a pool of its own.
  const all = [bad, worse, good].join(",");
  const to = (path: string, pool: string, more: string) =>
    `{matches: [{path: {value: ${path}}}], backendRefs: [${poolRef(pool)}]${more}}`;
  gateway = await startGateway({
    resources: routeScenario({
      rules: [
        to(
          "/retried",
          "mixed",
          `, retry: {codes: [503], attempts: 2, backoff: 5ms}, filters: [${mirrorTo("shadow")}]`,
        ),
        to("/once", "mixed-too", ""),
        to(
          "/slow",
          "half-mute",
          ", timeouts: {request: 20s, backendRequest: 300ms}, retry: {attempts: 1, backoff: 5ms}",
        ),
        to("/cut", "mute", ", timeouts: {backendRequest: 300ms}"),
      ],
      pools: {
        mixed: all,
        "mixed-too": all,
        "half-mute": `${good},${mute}`,
        mute: mute ?? "",
        shadow: shadow.address,
      },
    }),
  });
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  for (const each of [...endpoints, shadow]) each.close();
});

const counts = (path: string) =>
  endpoints.map(({ seen }) => seen.filter((each) => each === path).length);

test("an answer with a retried status continues to the pick's next endpoint, each endpoint once; the copy is sent once", async () => {
  for (let index = 0; index < 12; index++) {
    const before = counts("/retried");
    const { status } = await post(gateway.origin, chat(), { path: "/retried" });
    const [bad = 0, worse = 0, good] = counts("/retried").map((each, i) => each - (before[i] ?? 0));
    expect([status, good]).toEqual([200, 1]);
    expect(Math.max(bad, worse)).toBeLessThan(2);
  }
  await until("every request was mirrored", () => shadow.seen.length >= 12);
  expect(shadow.seen).toHaveLength(12);
});

test("without `retry` an answer is the client's, whatever its status", async () => {
  const statuses: number[] = [];
  for (let index = 0; index < 12; index++) {
    statuses.push((await post(gateway.origin, chat(), { path: "/once" })).status);
  }
  expect(counts("/once").reduce((sum, each) => sum + each, 0)).toBe(12);
  expect(statuses).toContain(503);
});

test("an attempt that takes longer than `backendRequest` is tried on another endpoint", async () => {
  for (let index = 0; index < 6; index++) {
    const { status } = await post(gateway.origin, chat(), { path: "/slow" });
    expect(status).toBe(200);
  }
});

test("without `retry` a request ends after `backendRequest`", async () => {
  const { status, tookMs } = await post(gateway.origin, chat(), { path: "/cut" });
  expect(status).toBe(504);
  expect(tookMs).toBeGreaterThan(290);
  expect(counts("/cut")).toEqual([0, 0, 0, 1]);
});
