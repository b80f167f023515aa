import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { freePorts } from "./harness/ports.ts";
import { raw } from "./harness/raw.ts";
import { hostScenario, scenario } from "./harness/resources.ts";
import { type SlowServer, startSlowServer } from "./harness/slow-server.ts";
import { until } from "./harness/until.ts";

/** Closes an endpoint's backlog: it takes no connection, and refuses none. */
async function startDeafEndpoint(): Promise<{ address: string; stop(): Promise<void> }> {
  const script =
    "const s = require('net').createServer(); s.listen({port: 0, host: '127.0.0.1', backlog: 1}, () => console.log(s.address().port));";
  const child: ChildProcess = spawn(process.execPath, ["-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout as NonNullable<typeof child.stdout>, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  const fillers: Socket[] = Array.from({ length: 8 }, () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    return socket;
  });
  return {
    address: `127.0.0.1:${port}`,
    async stop() {
      for (const each of fillers) each.destroy();
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}

/** Answers with more than the window of an HTTP/2 stream, and less than what Envoy holds next to it. */
async function startLargeServer(): Promise<{ address: string; server: Server }> {
  const server = createServer((asked, response) => {
    asked.resume();
    asked.on("end", () => {
      if (asked.method !== "POST") response.writeHead(404).end();
      else response.end(Buffer.alloc(110 * 1024, "x"));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

type Yaml = { [key: string]: Yaml } & Yaml[] & string;

/** Changes the clusters of a bootstrap. */
function editClusters(change: (cluster: Yaml) => void): (bootstrap: string) => string {
  return (text) => {
    const bootstrap = parse(text) as Yaml;
    for (const cluster of bootstrap.static_resources?.clusters ?? []) change(cluster);
    return stringify(bootstrap);
  };
}

const http2Options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** Envoy's own hour for idle connections to the sidecar, and its own 5 s between look-ups, where they can be crossed. */
const editSidecarClusters = editClusters((cluster) => {
  if (cluster.name === "umbra-picker") {
    const options = cluster.typed_extension_protocol_options?.[http2Options] as Yaml;
    Object.assign(options, { common_http_protocol_options: { idle_timeout: "1s" } });
  }
  if (cluster.name === "umbra-observer") Object.assign(cluster, { type: "STRICT_DNS" });
});

describe("timers that clients and endpoints meet, shortened", () => {
  let gateway: Gateway;
  let slow: SlowServer;
  let deaf: Awaited<ReturnType<typeof startDeafEndpoint>>;
  let large: Awaited<ReturnType<typeof startLargeServer>>;
  let stats = "";

  beforeAll(async () => {
    [slow, deaf, large] = await Promise.all([
      startSlowServer(),
      startDeafEndpoint(),
      startLargeServer(),
    ]);
    const [port] = await freePorts(1);
    stats = `127.0.0.1:${port}`;
    const settings = ["connectionIdleTimeout=1s", "flushTimeout=1s", "endpointIdleTimeout=1s"];
    gateway = await startGateway({
      resources: hostScenario({ slow: slow.address, deaf: deaf.address, large: large.address }),
      renderFlags: [
        ...[...settings, "connectTimeout=300ms"].flatMap((each) => ["--set", each]),
        ...["--stats-listener", stats],
      ],
      edit: editSidecarClusters,
    });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await Promise.all([slow?.close(), deaf?.stop()]);
    large?.server.closeAllConnections();
    large?.server.close();
  }, 30_000);

  test.concurrent("a client's idle HTTP/1.1 connection is closed after the idle and the drain timeout", async () => {
    const { hostname, port } = new URL(gateway.origin);
    const socket = connect(Number(port), hostname);
    socket.write("GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n");
    await once(socket, "data");
    const answeredMs = performance.now();
    await once(socket.resume(), "close");
    expect(performance.now() - answeredMs).toBeGreaterThan(5_500);
    expect(performance.now() - answeredMs).toBeLessThan(10_000);
  }, 20_000);

  test.concurrent("a client's idle HTTP/2 connection is told to end", async () => {
    const session = connectHttp2(gateway.origin);
    session.on("error", () => {});
    const asked = session.request({ ":path": "/", ":authority": "nobody.example" });
    asked.resume();
    await once(asked, "close");
    const idleMs = performance.now();
    await Promise.all([once(session, "goaway"), once(session, "close")]);
    expect(performance.now() - idleMs).toBeGreaterThan(900);
    expect(performance.now() - idleMs).toBeLessThan(15_000);
  }, 20_000);

  test.concurrent("an idle connection to an endpoint is closed, and the next request has another", async () => {
    const host = "slow.example";
    expect((await post(gateway.origin, chat(), { host })).status).toBe(200);
    await until("it is closed", async () => {
      const idle = /^cluster\.primary\/default\/slow\.upstream_cx_idle_timeout$/;
      return (await gateway.stat(idle)) > 0;
    });
    expect((await post(gateway.origin, chat(), { host })).status).toBe(200);
  }, 20_000);

  test.concurrent("an idle connection to the sidecar is closed, and the next pick has another", async () => {
    const host = "slow.example";
    expect((await post(gateway.origin, chat(), { host })).status).toBe(200);
    await until("it is closed", async () => {
      const idle = /^cluster\.umbra-picker\.upstream_cx_idle_timeout$/;
      return (await gateway.stat(idle)) > 0;
    });
    expect((await post(gateway.origin, chat(), { host })).status).toBe(200);
  }, 20_000);

  test.concurrent("an endpoint that takes no connection is given up after the connect timeout", async () => {
    const seen = await post(gateway.origin, chat(), { host: "deaf.example" });
    expect([seen.status, seen.text]).toEqual([
      503,
      expect.stringContaining("upstream_unavailable"),
    ]);
    expect(seen.tookMs).toBeGreaterThan(290);
    expect(seen.tookMs).toBeLessThan(10_000);
    const timeouts = /^cluster\.primary\/default\/deaf\.upstream_cx_connect_timeout$/;
    expect(await gateway.stat(timeouts)).toBeGreaterThan(0);
  }, 20_000);

  test.concurrent("a client that stops reading a complete answer is cut after the flush timeout", async () => {
    // Over HTTP/2: an answer over HTTP/1.1 is in the kernel's hands, and then the connection is idle.
    const session = connectHttp2(gateway.origin);
    session.on("error", () => {});
    const path = "/v1/chat/completions";
    const asked = session.request({
      ...{ ":method": "POST", ":path": path, ":authority": "large.example" },
    });
    const reset = new Promise((resolve) => asked.once("close", resolve));
    asked.on("error", () => {});
    asked.end(chat());
    await once(asked, "response");
    const startedMs = performance.now();
    await reset;
    expect(performance.now() - startedMs).toBeGreaterThan(900);
    expect(await gateway.stat(/(^|\.)http2\.tx_flush_timeout$/)).toBeGreaterThan(0);
    session.destroy();
  }, 20_000);

  test.concurrent("a connection that Envoy wants to end is closed though the client leaves it open", async () => {
    const { hostname, port } = new URL(gateway.origin);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.write("nonsense\r\n\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
    await until("Envoy has let go of it", async () => {
      const closed = /^http\..*\.downstream_cx_delayed_close_timeout$/;
      return (await gateway.stat(closed)) > 0;
    });
    socket.destroy();
  }, 20_000);

  test.concurrent("names are looked up again", async () => {
    const lookups = /^cluster\.umbra-observer\.update_attempt$/;
    await until("there were two look-ups", async () => (await gateway.stat(lookups)) >= 2);
    expect((await post(gateway.origin, chat(), { host: "slow.example" })).status).toBe(200);
  }, 20_000);

  test.concurrent("a line of the access log is written though no other follows", async () => {
    const path = "/only-once";
    await post(gateway.origin, chat(), { host: "slow.example", path });
    await until("it is written", () => gateway.envoy.output().includes(path), 20_000);
    expect(gateway.envoy.output()).toContain(path);
  }, 30_000);

  test.concurrent("headers that come byte by byte to the stats listener are answered 408", async () => {
    const startedMs = performance.now();
    const { status } = await raw(`http://${stats}`, "GET /stats/prometheus HTTP/1.1\r\nHo");
    expect(status).toBe(408);
    expect(performance.now() - startedMs).toBeGreaterThan(4_500);
  }, 20_000);
});

describe("timers that end requests, shortened", () => {
  let gateways: readonly Gateway[] = [];
  let slow: SlowServer;
  let shadow: SlowServer;

  beforeAll(async () => {
    [slow, shadow] = await Promise.all([startSlowServer(), startSlowServer()]);
    const start = (...settings: readonly string[]) =>
      startGateway({
        resources: scenario({
          primary: slow.address,
          shadow: shadow.address,
          models: [],
          failureMode: "FailOpen",
        }),
        renderFlags: settings.flatMap((each) => ["--set", each]),
      });
    gateways = await Promise.all([
      start("streamIdleTimeout=1s"),
      start("shadowTimeout=1s"),
      start("pickTimeout=500ms"),
    ]);
  }, 90_000);

  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await Promise.all([slow?.close(), shadow?.close()]);
  }, 30_000);

  const at = (index: number): Gateway => {
    const gateway = gateways[index];
    if (gateway === undefined) throw new Error("the gateway is not started");
    return gateway;
  };

  test.concurrent("a stream without a byte for longer than the idle timeout ends: 504 before the answer", async () => {
    const headers = { "x-take-ms": "8000" };
    const seen = await post(at(0).origin, chat(), { headers });
    expect([seen.status, seen.text]).toEqual([504, expect.stringContaining("upstream_timeout")]);
    expect(seen.tookMs).toBeGreaterThan(900);
    expect(seen.tookMs).toBeLessThan(7_000);
  }, 20_000);

  test.concurrent("an answer that has begun is cut after the idle timeout", async () => {
    const headers = { "x-take-ms": "8000" };
    const seen = await post(at(0).origin, chat({ isStream: true }), { headers });
    expect(seen.status).toBe(0);
    expect(seen.tookMs).toBeLessThan(7_000);
  }, 20_000);

  test.concurrent("a copy ends after the shadow timeout, its primary continues", async () => {
    const headers = { "x-take-ms": "4000" };
    const seen = await post(at(1).origin, chat(), { headers });
    expect(seen.status).toBe(200);
    expect(seen.tookMs).toBeGreaterThan(3_900);
    const ended = /^cluster\.(lane|shadow)\/.*\.upstream_rq_(timeout|max_duration_reached)$/;
    await until("the copy has ended", async () => (await at(1).stat(ended)) > 0);
  }, 20_000);

  test.concurrent("a connection to a sidecar that is gone without a word is found out by its keepalive", async () => {
    const gateway = at(2);
    expect((await post(gateway.origin, chat())).status).toBe(200);
    gateway.sidecar().process.kill("SIGSTOP");
    const found = /^cluster\.umbra-picker\.http2\.keepalive_timeout$/;
    await until("it is found out", async () => (await gateway.stat(found)) > 0);
    expect((await post(gateway.origin, chat())).status).toBe(200);
  }, 30_000);
});
