import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { AdsProtocol, DynamicResources } from "@umbra/envoy-config";
import { rssMbOf } from "../bench/harness/usage.ts";
import { testSize } from "../testing/test-size.ts";
import {
  type AdsGateway,
  changesOf,
  edited,
  plainWorld,
  startAdsGateway,
  without,
} from "./harness/ads-gateway.ts";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { until } from "./harness/until.ts";

const changes = testSize(160, 400);

describe.each<AdsProtocol>(["GRPC", "DELTA_GRPC"])("a real Envoy by %s", (protocol) => {
  let gateway: AdsGateway;
  let echo: EchoServer;

  beforeAll(async () => {
    echo = await startEchoServer("echo");
    gateway = await startAdsGateway({ protocol });
    gateway.apply({ yaml: world() });
    await gateway.upToDate();
    await until("it serves", async () => (await gateway.get())[0] === 200);
  }, 30_000);

  afterAll(async () => {
    await gateway.stop();
    await echo.close();
  });

  /** `/` and `/b` to two clusters of one server. */
  function world(header = "") {
    const services = { a: [echo.address], b: [echo.address] };
    return plainWorld({ port: gateway.port, services, routes: { "/": "a", [`/b${header}`]: "b" } });
  }

  const withoutCluster = (name: string) => (resources: DynamicResources) => ({
    ...resources,
    cds: without(resources.cds, name),
    eds: without(resources.eds, name),
  });

  test("12: a route to a cluster that Envoy does not have is accepted and answers 503: order is the server's part", async () => {
    gateway.apply({ yaml: world("/c"), edit: withoutCluster("primary/service:default/b:80") });
    await gateway.upToDate();
    expect(gateway.client()?.rejections).toEqual([]);
    await until("the cluster is gone", async () => (await gateway.get("/b/c"))[0] === 503);
    expect((await gateway.get("/"))[0]).toBe(200);
    gateway.apply({ yaml: world() });
    await gateway.upToDate();
    expect((await gateway.get("/b"))[0]).toBe(200);
  });

  test("14: a second listener on an address that is taken is refused; the first one serves on", async () => {
    gateway.apply({
      yaml: world(),
      edit: (resources) => ({
        ...resources,
        lds: new Map([...resources.lds, ...renamed(resources.lds, "second")]),
      }),
    });
    await until("Envoy refuses it", () => gateway.client()?.rejections.length === 1);
    expect(gateway.client()?.rejections).toMatchObject([{ kind: "lds", name: "second" }]);
    expect(gateway.client()?.rejections[0]?.message).toMatch(/duplicate address/);
    expect((await gateway.get())[0]).toBe(200);
    gateway.apply({ yaml: world() });
    await until("nothing is refused", () => gateway.client()?.rejections.length === 0);
    await gateway.upToDate();
    expect((await gateway.get())[0]).toBe(200);
  });

  test("14: two listeners that swap their addresses are both served at their new ones", async () => {
    const ports = { first: gateway.port, second: gateway.otherPort };
    const applyPorts = ({ first, second }: typeof ports) =>
      gateway.apply({
        yaml: world(),
        edit: (resources) => ({
          ...resources,
          lds: new Map([
            ...atPort(resources.lds, "first", first),
            ...atPort(resources.lds, "second", second),
          ]),
        }),
      });
    applyPorts(ports);
    await gateway.upToDate();
    applyPorts({ first: ports.second, second: ports.first });
    await gateway.upToDate();
    expect(gateway.client()?.rejections).toEqual([]);
    await until("the addresses serve", async () => (await gateway.get())[0] === 200);
    expect(await portsOf(gateway)).toEqual({ first: ports.second, second: ports.first });
    gateway.apply({ yaml: world() });
    await gateway.upToDate();
  });

  test(`29: ${changes} changes of a single route leave Envoy's memory where it was after a quarter`, async () => {
    const rss = () => rssMbOf(gateway.envoy().process.pid ?? 0);
    let early = rss();
    for (let i = 1; i <= changes; i++) {
      gateway.apply({ yaml: world(`/${i}`) });
      await gateway.upToDate();
      if (i === changes / 4) early = rss();
    }
    expect(rss() / early).toBeLessThan(1.15);
    expect((await changesOf(gateway.envoy()))[0]).toBe(0);
  }, 120_000);
});

describe.each<AdsProtocol>(["GRPC", "DELTA_GRPC"])("TLS of a real Envoy by %s", (protocol) => {
  const file = (path: string) =>
    readFileSync(new URL(`../envoy/https/tls/${path}`, import.meta.url), "utf8");
  let gateway: AdsGateway;
  let echo: EchoServer;
  /** Answers that have begun: they end when the test says so. */
  const begun: ServerResponse[] = [];
  const holding = createServer((_, response) => {
    response.writeHead(200).write("begun");
    begun.push(response);
  });

  beforeAll(async () => {
    echo = await startEchoServer("echo");
    holding.listen(0, "127.0.0.1");
    await once(holding, "listening");
    gateway = await startAdsGateway({ protocol });
    gateway.apply({ yaml: httpsWorld("default/chat") });
    await gateway.upToDate();
  }, 30_000);

  afterAll(async () => {
    await gateway.stop();
    await echo.close();
    holding.close();
    holding.closeAllConnections();
    await once(holding, "close");
  });

  function httpsWorld(certificate: string, others: readonly string[] = []): string {
    const indented = (text: string) => text.replaceAll(/^/gm, "    ");
    const held = `127.0.0.1:${(holding.address() as AddressInfo).port}`;
    const own = plainWorld({
      port: gateway.port,
      services: { a: [echo.address], held: [held] },
      routes: { "/": "a", "/held": "held" },
    });
    const gateways = others.map((name) => httpsGateway(name, gateway.port)).join("");
    return `${own.replace("protocol: HTTP}", `protocol: HTTPS, hostname: chat.example.com, ${tls}}`)}${gateways}---
apiVersion: v1
kind: Secret
metadata: {name: chat}
type: kubernetes.io/tls
stringData:
  tls.crt: |
${indented(file(`${certificate}/tls.crt`))}
  tls.key: |
${indented(file(`${certificate}/tls.key`))}
`;
  }

  async function connected(): Promise<TLSSocket> {
    const at = { host: "127.0.0.1", port: gateway.port, servername: "chat.example.com" };
    const socket = connectTls({ ...at, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return socket;
  }

  /** Status line of an answer on an open connection. */
  async function ask(socket: TLSSocket): Promise<string> {
    socket.write("GET / HTTP/1.1\r\nhost: chat.example.com\r\n\r\n");
    const [bytes] = (await once(socket, "data")) as [Buffer];
    return bytes.toString("latin1").split("\r\n")[0] ?? "";
  }

  const nameOf = (socket: TLSSocket) => socket.getPeerX509Certificate()?.subjectAltName;

  test("25: a changed certificate serves new connections, and drains none", async () => {
    await until("it serves", async () => {
      const socket = await connected();
      const line = await ask(socket);
      socket.destroy();
      return line === "HTTP/1.1 200 OK";
    });
    const old = await connected();
    expect(await ask(old)).toBe("HTTP/1.1 200 OK");
    const first = nameOf(old);
    const before = await changesOf(gateway.envoy());
    gateway.apply({ yaml: httpsWorld("certificates/wildcard") });
    await gateway.upToDate();
    await until("new connections have it", async () => {
      const socket = await connected();
      const isNew = nameOf(socket) !== first;
      socket.destroy();
      return isNew;
    });
    expect(await ask(old)).toBe("HTTP/1.1 200 OK");
    expect(await ask(old)).toBe("HTTP/1.1 200 OK");
    old.destroy();
    expect(await changesOf(gateway.envoy())).toEqual(before);
    expect(await gateway.envoy().stat("listener_manager.total_listeners_draining")).toBe(0);
  });

  test("14: other Gateways that come and go at its port cut no stream that is running", async () => {
    const socket = await connected();
    let text = "";
    socket.setEncoding("latin1").on("data", (part: string) => {
      text += part;
    });
    socket.write("GET /held HTTP/1.1\r\nhost: chat.example.com\r\n\r\n");
    await until("the stream has begun", () => text.includes("begun"));
    const draining = () => gateway.envoy().stat("listener_manager.total_filter_chains_draining");
    // One older and one newer than the Gateway of the stream.
    for (const others of [["a-gateway"], [], ["z-gateway"], []]) {
      gateway.apply({ yaml: httpsWorld("certificates/wildcard", others) });
      await gateway.upToDate();
    }
    await until("Envoy has drained what they left behind", async () => (await draining()) === 0);
    const updates = await gateway.envoy().stat("listener_manager.listener_in_place_updated");
    expect(updates).toBe(4);
    begun[0]?.end("whole");
    await until("the stream ends", () => text.endsWith("0\r\n\r\n"));
    expect(text).toMatch(/^HTTP\/1.1 200 OK.*begun.*whole/s);
    expect(socket.closed).toBe(false);
    socket.destroy();
  }, 30_000);
});

const tls = "tls: {certificateRefs: [{name: chat}]}";

/** A Gateway of another hostname. Without a time of creation, the first by name is the oldest. */
function httpsGateway(name: string, port: number): string {
  const listener = `{name: https, port: ${port}, protocol: HTTPS, hostname: other.example.com, ${tls}}`;
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}}
spec: {gatewayClassName: umbra, listeners: [${listener}]}
`;
}

/** The only listener, under another name and at another port. */
function atPort<T>(
  resources: ReadonlyMap<string, T>,
  name: string,
  port: number,
): ReadonlyMap<string, T> {
  return edited(renamed(resources, name), name, (text) =>
    text.replace(/"port_value":\d+/, `"port_value":${port}`),
  );
}

/** Ports of Envoy's listeners, by name. */
async function portsOf({ envoy }: AdsGateway): Promise<Readonly<Record<string, number>>> {
  const dump = (await envoy().configDump()) as readonly {
    readonly dynamic_listeners?: readonly {
      readonly active_state?: { readonly listener: ListenerDump };
    }[];
  }[];
  const active = dump.flatMap(({ dynamic_listeners: all = [] }) =>
    all.flatMap(({ active_state: state }) => state?.listener ?? []),
  );
  return Object.fromEntries(
    active.map(({ name, address }) => [name, address.socket_address.port_value]),
  );
}

interface ListenerDump {
  readonly name: string;
  readonly address: { readonly socket_address: { readonly port_value: number } };
}

/** The first listener under another name. */
function renamed<T>(resources: ReadonlyMap<string, T>, name: string): ReadonlyMap<string, T> {
  const [first] = resources.keys();
  const copy = edited(resources, first ?? "", (text) =>
    text.replace(`"name":${JSON.stringify(first)}`, `"name":${JSON.stringify(name)}`),
  );
  return new Map([[name, copy.get(first ?? "") as T]]);
}
