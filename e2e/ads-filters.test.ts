import { afterEach, expect, test } from "@jest/globals";
import {
  type AdsProtocol,
  readTopology,
  renderResources,
  type Topology,
} from "@umbra/envoy-config";
import type { AdminEnvoy } from "./harness/ads.ts";
import { type AdsHarness, adsBootstrap, encoded, startAds, startEnvoy } from "./harness/ads.ts";
import { post, type Seen } from "./harness/client.ts";
import { freePorts } from "./harness/ports.ts";
import { type SlowServer, startSlowServer } from "./harness/slow-server.ts";
import { until } from "./harness/until.ts";

/** Longer than Envoy drains what a changed listener leaves behind: 1 s here. */
const answerMs = 4_000;

interface World {
  readonly ads: AdsHarness;
  readonly envoy: AdminEnvoy;
  readonly origin: string;
  apply(header: string, maxBody?: string): Promise<void>;
  close(): Promise<void>;
}

let world: World | undefined;

afterEach(async () => {
  await world?.close();
  world = undefined;
}, 20_000);

/** A route that needs no sidecar. A header with an underscore is part of two filters that each request passes. */
function topologyOf(server: SlowServer, port: number, header: string, maxBody: string): Topology {
  const text = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: ${port}, protocol: HTTP}]}
---
apiVersion: umbra.dev/v1alpha1
kind: EnvoySettings
metadata: {name: settings}
spec: {maxBody: ${maxBody}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{headers: [{name: ${header}, value: a}]}]
      backendRefs: [{name: slow, port: 80}]
    - backendRefs: [{name: slow, port: 80}]
---
apiVersion: v1
kind: Service
metadata:
  name: slow
  annotations: {umbra.dev/endpoints: "${server.address}", umbra.dev/picker: none}
spec: {ports: [{port: 80}]}
`;
  const { topology, diagnostics } = readTopology([{ name: "world.yaml", text }], {
    bindAddress: "127.0.0.1",
  });
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return topology;
}

async function startWorld(protocol: AdsProtocol): Promise<World> {
  const [port = 0] = await freePorts(1);
  const server = await startSlowServer();
  const ads = await startAds();
  const first = topologyOf(server, port, "x_first", "1Mi");
  const envoy = await startEnvoy(ads.folder, "ads", adsBootstrap(first, ads.socket, protocol));
  const started: World = {
    ads,
    envoy,
    origin: `http://127.0.0.1:${port}`,
    async apply(header, maxBody = "1Mi") {
      ads.ads.update(encoded(renderResources(topologyOf(server, port, header, maxBody))));
      await until("Envoy has taken it", () => ads.ads.clients[0]?.isUpToDate === true);
      expect(ads.ads.clients[0]?.rejections).toEqual([]);
    },
    async close() {
      await envoy.stop();
      await ads.close();
      await server.close();
    },
  };
  world = started;
  await started.apply("x_first");
  await until("it serves", async () => (await ask(started, "x_first")).status === 200);
  return started;
}

/** A request with this header: refused unless a route knows the header. */
function ask({ origin }: World, header: string, takeMs = 0): Promise<Seen> {
  const body = JSON.stringify({ model: "m", stream: true });
  return post(origin, body, { headers: { [header]: "a", "x-take-ms": String(takeMs) } });
}

const isWhole = ({ status, text }: Seen) => status === 200 && text.endsWith("data: [DONE]\n\n");

test.each<AdsProtocol>(["GRPC", "DELTA_GRPC"])(
  "24: a filter that changes by ECDS (%s) serves new requests and cuts no stream",
  async (protocol) => {
    const started = await startWorld(protocol);
    const running = ask(started, "x_first", answerMs);
    expect((await ask(started, "x_second")).status).toBe(400);
    await started.apply("x_second");
    await until("the new filter serves", async () => isWhole(await ask(started, "x_second")));
    expect((await ask(started, "x_first")).status).toBe(400);
    const seen = await running;
    expect(isWhole(seen)).toBe(true);
    expect(seen.tookMs).toBeGreaterThan(answerMs - 100);
    const { envoy } = started;
    expect(await envoy.stat("listener_manager.listener_modified")).toBe(0);
    expect(await envoy.stat("listener_manager.listener_in_place_updated")).toBe(0);
  },
  60_000,
);

test("24: a listener that changes by LDS does cut the stream: that is what ECDS is for", async () => {
  const started = await startWorld("GRPC");
  const running = ask(started, "x_first", answerMs);
  await started.apply("x_first", "2Mi");
  const seen = await running;
  expect(isWhole(seen)).toBe(false);
  expect(seen.tookMs).toBeLessThan(answerMs - 500);
}, 60_000);
