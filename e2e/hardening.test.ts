import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { startRecordingServer } from "./harness/recording-server.ts";
import { scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const settings = `---
apiVersion: umbra.dev/v1alpha1
kind: EnvoySettings
metadata: {name: edge}
spec:
  maxConnections: 24
  headersTimeout: 400ms
  requestTimeout: 800ms
  maxBody: 64Ki
  maxHeaderSize: 8Ki
  maxStreams: 7
`;

/** Sends bytes as they are, and collects the answer until the connection ends or \`isEnough\`. */
async function raw(
  origin: string,
  pieces: readonly string[],
  { isEnough = () => false }: { readonly isEnough?: (text: string) => boolean } = {},
): Promise<{ readonly text: string; readonly tookMs: number }> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    if (isEnough(text)) socket.destroy();
  });
  socket.on("error", () => {});
  const startedMs = performance.now();
  const closed = once(socket, "close");
  for (const piece of pieces) socket.write(piece);
  await closed;
  return { text, tookMs: performance.now() - startedMs };
}

describe("what clients can do to a real Envoy", () => {
  let primary: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let recorder: Awaited<ReturnType<typeof startRecordingServer>>;
  let gateway: Gateway;
  let stats = "";

  beforeAll(async () => {
    recorder = await startRecordingServer();
    primary = await startModelServers(1);
    shadow = await startModelServers(1);
    const [port] = await freePorts(1);
    stats = `127.0.0.1:${port}`;
    gateway = await startGateway({
      resources: `${scenario({ primary: recorder.address, shadow: addresses(shadow), models: [] })}${settings}`,
      renderFlags: ["--stats-listener", stats],
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await recorder?.close();
    await stopModelServers([...primary, ...shadow]);
  });

  test("headers that come byte by byte are answered 408 in time", async () => {
    const { text, tookMs } = await raw(gateway.origin, [
      "POST /v1/chat/completions HTTP/1.1\r\nHost: e",
    ]);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(text).toContain("request_timeout");
    expect(tookMs).toBeLessThan(5_000);
  });

  test("a body that stops half way is answered 408 in time", async () => {
    const { text, tookMs } = await raw(gateway.origin, [
      "POST /v1/chat/completions HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\n",
      '{"model":',
    ]);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(text).toContain("request_timeout");
    expect(tookMs).toBeGreaterThan(500);
    expect(tookMs).toBeLessThan(5_000);
  });

  test.each([
    {
      name: "an underscore in a header's name",
      headers: { x_umbra_mirror: "y" },
      status: 400,
      code: "bad_request",
    },
    {
      name: "headers beyond the limit",
      headers: { "x-long": "v".repeat(9_000) },
      status: 431,
      code: "headers_too_large",
    },
  ])("$name is answered $status in OpenAI's shape", async ({ headers, status, code }) => {
    const seen = await post(gateway.origin, chat(), { headers });
    expect([seen.status, seen.text]).toEqual([status, expect.stringContaining(code)]);
    expect(JSON.parse(seen.text)).toMatchObject({
      error: { type: "invalid_request_error", param: null, code },
    });
  });

  test("the largest body of the files holds, for Envoy and the sidecar", async () => {
    const seen = await post(gateway.origin, chat({ promptBytes: 70 * 1024 }));
    expect([seen.status, seen.text]).toEqual([413, expect.stringContaining("request_too_large")]);
  });

  test.each([
    { path: "/a/../v1/chat/completions", becomes: "/v1/chat/completions" },
    { path: "//v1///chat/completions", becomes: "/v1/chat/completions" },
    { path: "/v1/./chat/completions?q=//", becomes: "/v1/chat/completions?q=//" },
  ])("the endpoint of $path gets $becomes", async ({ path, becomes }) => {
    const { text } = await raw(gateway.origin, [
      `POST ${path} HTTP/1.1\r\nHost: example.com\r\nContent-Length: ${chat().length}\r\nConnection: close\r\n\r\n${chat()}`,
    ]);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(recorder.received.at(-1)?.path).toBe(becomes);
  });

  test("a path with an escaped slash is sent to the plain one", async () => {
    const { text } = await raw(gateway.origin, [
      "GET /v1%2Fmodels HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n",
    ]);
    expect(text).toMatch(/^HTTP\/1\.1 307 /);
    expect(text).toMatch(/location: [^\r]*\/v1\/models\r/);
  });

  test("what a client says of itself and of picks is not believed", async () => {
    const seen = await post(gateway.origin, chat(), {
      headers: {
        "x-gateway-destination-endpoint": "127.0.0.1:1",
        "x-gateway-destination-endpoint-subset": "127.0.0.1:1",
        "x-umbra-mirror": "nobody",
        "x-forwarded-for": "203.0.113.9",
        "x-request-id": "../../etc",
      },
    });
    expect(seen.status).toBe(200);
    const headers = recorder.received.at(-1)?.headers ?? {};
    expect(headers["x-gateway-destination-endpoint"]).toBe(recorder.address);
    expect(headers["x-gateway-destination-endpoint-subset"]).toBeUndefined();
    expect(headers["x-umbra-mirror"]).toBeUndefined();
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers["x-forwarded-for"]).toMatch(/^203\.0\.113\.9,[\d.]+$/);
    expect(Object.keys(seen.headers).filter((name) => name.startsWith("x-envoy"))).toEqual([]);
  });

  test("HTTP/2 clients get a limit of concurrent streams", async () => {
    const session = connectHttp2(gateway.origin);
    await once(session, "remoteSettings");
    expect(session.remoteSettings.maxConcurrentStreams).toBe(7);
    expect(session.remoteSettings.initialWindowSize).toBe(65_536);
    session.destroy();
    await once(session, "close");
  });

  describe("the listener for statistics", () => {
    const ask = async (path: string, method: "GET" | "POST" = "GET") => {
      const { statusCode, body } = await request(`http://${stats}${path}`, { method });
      return { status: statusCode, text: await body.text() };
    };

    test("has Prometheus' format, by lane and pool", async () => {
      await post(gateway.origin, chat());
      const { status, text } = await ask("/stats/prometheus");
      expect(status).toBe(200);
      expect(text).toMatch(
        /^envoy_cluster_upstream_rq_total\{(?=.*umbra_lane="primary")(?=.*umbra_pool="default\/pool").*\} [1-9]/m,
      );
      expect(text).toMatch(
        /^envoy_cluster_upstream_rq_total\{(?=.*umbra_lane="shadow")(?=.*umbra_mirrored_route="default\/route").*\} [1-9]/m,
      );
      expect(text).toMatch(
        /^envoy_vhost_route_upstream_rq\{.*envoy_route="default\/route\/0".*\} [1-9]/m,
      );
    });

    test.each([
      { path: "/", method: "GET" },
      { path: "/quitquitquit", method: "POST" },
      { path: "/config_dump", method: "GET" },
      { path: "/stats", method: "GET" },
      { path: "/stats/prometheus/../../config_dump", method: "GET" },
      { path: "/stats/prometheus", method: "POST" },
    ] as const)("does not have $method $path", async ({ path, method }) => {
      expect((await ask(path, method)).status).toBe(404);
    });

    test("answers while clients hold every connection", async () => {
      const { hostname, port } = new URL(gateway.origin);
      const sockets: Socket[] = [];
      let closed = 0;
      for (let i = 0; i < 40; i++) {
        const socket = connect(Number(port), hostname);
        socket.on("error", () => {}).on("close", () => closed++);
        sockets.push(socket);
      }
      await until("Envoy has closed what is over the limit", () => closed >= 40 - 24);
      expect((await ask("/stats/prometheus")).status).toBe(200);
      for (const socket of sockets) socket.destroy();
      await until(
        "there is room again",
        async () => (await post(gateway.origin, chat())).status === 200,
      );
    });
  });

  test("a hostile neighbour changes nothing for the rest", async () => {
    expect((await post(gateway.origin, chat())).status).toBe(200);
    expect(gateway.envoy.process.exitCode).toBeNull();
  });
});

test("an answer streams on past every timeout for requests", async () => {
  const primary = await startModelServers(1, {
    timeScale: 1,
    decodeTokensPerSecond: 50,
  });
  const gateway = await startGateway({
    resources: scenario({ primary: addresses(primary), shadow: addresses(primary) }),
    renderFlags: ["--set", "headersTimeout=300ms", "--set", "requestTimeout=300ms"],
  });
  const seen = await post(gateway.origin, chat({ isStream: true, maxTokens: 100 }));
  await gateway.stop();
  await stopModelServers(primary);
  expect([seen.status, seen.text]).toEqual([200, expect.stringContaining("[DONE]")]);
  expect(seen.tookMs).toBeGreaterThan(600);
}, 60_000);

test("near its largest heap Envoy refuses new requests in OpenAI's shape", async () => {
  const primary = await startModelServers(1);
  const gateway = await startGateway({
    resources: scenario({ primary: addresses(primary), shadow: addresses(primary) }),
    edit: (bootstrap) =>
      bootstrap.replace(/max_heap_size_bytes: \d+/, "max_heap_size_bytes: 1048576"),
  });
  await until("the overload manager has looked", async () => {
    const seen = await post(gateway.origin, chat());
    return seen.status === 503;
  });
  const seen = await post(gateway.origin, chat());
  await gateway.stop();
  await stopModelServers(primary);
  expect(JSON.parse(seen.text)).toMatchObject({
    error: { code: "gateway_overloaded", type: "server_error" },
  });
  expect(seen.headers["retry-after"]).toBe("1");
}, 60_000);
