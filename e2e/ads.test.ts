import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type AdsProtocol,
  directTopology,
  readTopology,
  renderResources,
  type Topology,
} from "@umbra/envoy-config";
import type { Kind, Rejection, Snapshot } from "@umbra/xds";
import { request } from "undici";
import {
  type AdminEnvoy,
  type AdsHarness,
  adsBootstrap,
  encoded,
  startAds,
  startEnvoy,
} from "./harness/ads.ts";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { freePorts } from "./harness/ports.ts";
import { until } from "./harness/until.ts";

describe.each<AdsProtocol>(["GRPC", "DELTA_GRPC"])("a real Envoy fed by %s", (protocol) => {
  let ads: AdsHarness;
  let envoy: AdminEnvoy;
  let origin: string;
  let port = 0;
  let held: Snapshot | undefined;
  const echoes: EchoServer[] = [];
  const refused: { kind: Kind; rejections: readonly Rejection[] }[] = [];

  /** A plain route to pools that Envoy balances over; `path` names the regular expression of a second one. */
  function world(
    endpoints: readonly string[],
    {
      path = "/other/.*",
      listener = "http",
      older = "",
    }: { readonly path?: string; readonly listener?: string; readonly older?: string } = {},
  ): Topology {
    const files = [
      {
        name: "world.yaml",
        text: `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: ${listener}, port: ${port}, protocol: HTTP}]}
${older === "" ? "" : gatewayOf(older, port)}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{path: {type: RegularExpression, value: "${path}"}}]
      backendRefs: [{name: echo, port: 80}]
    - backendRefs: [{name: echo, port: 80}]
---
apiVersion: v1
kind: Service
metadata:
  name: echo
  annotations: {umbra.dev/endpoints: "${endpoints.join(",")}", umbra.dev/picker: none}
spec: {ports: [{port: 80}]}
`,
      },
    ];
    const { topology, diagnostics } = readTopology(files, { bindAddress: "127.0.0.1" });
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    return topology;
  }

  function apply(topology: Topology, edit: (text: string) => string = (text) => text): void {
    const resources = renderResources(topology);
    const edited =
      edit === undefined ? resources : { ...resources, rds: editAll(resources.rds, edit) };
    held = encoded(edited, held);
    ads.ads.update(held);
  }

  const upToDate = () =>
    until("Envoy has taken the configuration", () => ads.ads.clients[0]?.isUpToDate === true);
  // Each on a connection of its own: Envoy ends the kept ones of a replaced listener when its drain time is over.
  const answer = async (path = "/") => {
    const { statusCode, body } = await request(`${origin}${path}`, { reset: true });
    return [statusCode, await body.text()] as const;
  };

  beforeAll(async () => {
    [port = 0] = await freePorts(1);
    origin = `http://127.0.0.1:${port}`;
    ads = await startAds({
      refused: (_nodeId, kind, rejections) => void refused.push({ kind, rejections }),
    });
    for (const name of ["first", "second"]) echoes.push(await startEchoServer(name));
    envoy = await startEnvoy(
      ads.folder,
      "ads",
      adsBootstrap(world([addressOf(0)]), ads.socket, protocol),
    );
  }, 30_000);

  afterAll(async () => {
    await envoy.stop();
    await ads.close();
    await Promise.all(echoes.map((each) => each.close()));
  });

  const addressOf = (index: number) => echoes[index]?.address ?? "";

  test("21: without a configuration it waits; with the first one it serves", async () => {
    await until("Envoy is connected", () => ads.ads.clients.length === 1);
    await expect(request(origin)).rejects.toThrow(/ECONNREFUSED/);
    apply(world([addressOf(0)]));
    await upToDate();
    await until("it serves", async () => (await answer())[0] === 200);
    expect((await answer())[1]).toContain("first");
  });

  test("23: changed endpoints get the next requests, and no request fails on the way", async () => {
    const statuses = new Set<number>();
    let isOver = false;
    const traffic = (async () => {
      while (!isOver) statuses.add((await answer())[0]);
    })();
    for (let i = 0; i < 20; i++) {
      apply(world([addressOf(i % 2)]));
      await upToDate();
    }
    apply(world([addressOf(1)]));
    await until("the second endpoint answers", async () => (await answer())[1].includes("second"));
    isOver = true;
    await traffic;
    expect([...statuses]).toEqual([200]);
    expect(await envoy.stat("cluster_manager.cluster_modified")).toBe(0);
  });

  test("13: a refused route keeps its last accepted form, endpoints continue, and a fixed one clears it", async () => {
    apply(world([addressOf(1)]), (text) => text.replaceAll("/other/.*", "/other/("));
    await until("Envoy refuses it", () => refused.length > 0);
    apply(world([addressOf(0)]), (text) => text.replaceAll("/other/.*", "/other/("));
    await until("the first endpoint answers", async () => (await answer())[1].includes("first"));
    expect(ads.ads.clients[0]?.rejections).toMatchObject([
      { kind: "rds", name: `127.0.0.1:${port}` },
    ]);
    expect(ads.ads.clients[0]?.rejections[0]?.message).toMatch(/missing \)|no argument|regex/i);
    apply(world([addressOf(0)], { path: "/good/.*" }));
    await upToDate();
    expect(ads.ads.clients[0]?.rejections).toEqual([]);
    expect((await answer("/good/x"))[0]).toBe(200);
  });

  test("18, 20, 22: while the server is away traffic continues; it comes back and changes nothing", async () => {
    const before = await counters(envoy);
    await ads.restart();
    expect((await answer())[0]).toBe(200);
    if (held !== undefined) ads.ads.update(held);
    await until("Envoy is connected again", () => ads.ads.clients.length === 1);
    await upToDate();
    expect((await answer())[0]).toBe(200);
    expect(await counters(envoy)).toEqual(before);
  });

  test("14: an older Gateway that comes and goes, and a renamed listener, leave the listener of their port as it is", async () => {
    const listeners = () =>
      Promise.all(
        ["added", "modified", "removed"].map((each) =>
          envoy.stat(`listener_manager.listener_${each}`),
        ),
      );
    const before = await listeners();
    for (const change of [{ older: "a-gateway" }, {}, { listener: "web" }, {}]) {
      apply(world([addressOf(0)], change));
      await upToDate();
      expect((await answer())[0]).toBe(200);
    }
    expect(await listeners()).toEqual(before);
  });

  test("11: a route to a new cluster works from its first request on", async () => {
    const { topology } = direct(addressOf(1), port);
    apply(topology);
    await upToDate();
    await until("the new cluster answers", async () => (await answer())[1].includes("second"));
    expect((await answer())[0]).toBe(200);
  });
});

/** A Gateway on the same port, for another hostname. */
function gatewayOf(name: string, port: number): string {
  const spec = `{gatewayClassName: umbra, listeners: [{name: http, port: ${port}, protocol: HTTP, hostname: other.test}]}`;
  return `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, creationTimestamp: "2020-01-01T00:00:00Z"}
spec: ${spec}
`;
}

/** Another topology on the same port: pools that nothing had before. */
function direct(endpoint: string, port: number) {
  const topology = directTopology({ primary: [endpoint], shadow: [endpoint], port });
  const listeners = topology.listeners.map((each) => ({ ...each, address: "127.0.0.1" }));
  return { topology: { ...topology, listeners } };
}

async function counters(envoy: AdminEnvoy) {
  const names = [
    "cluster_manager.cluster_modified",
    "listener_manager.listener_modified",
    "listener_manager.listener_in_place_updated",
  ];
  return Promise.all(names.map((name) => envoy.stat(name)));
}

function editAll<T>(resources: ReadonlyMap<string, T>, edit: (text: string) => string) {
  return new Map(
    [...resources].map(([name, each]) => [name, JSON.parse(edit(JSON.stringify(each))) as T]),
  );
}
