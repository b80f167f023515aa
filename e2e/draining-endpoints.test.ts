import { afterEach, describe, expect, test } from "@jest/globals";
import {
  type AdsProtocol,
  directTopology,
  renderBootstrap,
  renderResources,
  type Topology,
} from "@umbra/envoy-config";
import { request } from "undici";
import { type AdsHarness, adsBootstrap, encoded, startAds, startEnvoy } from "./harness/ads.ts";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { freePorts } from "./harness/ports.ts";
import { until } from "./harness/until.ts";

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
}, 20_000);

/** A pool whose sidecar is not there and which fails open: Envoy balances, unless a request names its endpoint. */
function topologyOf(ready: readonly EchoServer[], draining: EchoServer, port: number): Topology {
  const endpoints = ready.map(({ address }) => address);
  const topology = directTopology({ primary: endpoints, shadow: [], port });
  const listeners = topology.listeners.map((each) => ({ ...each, address: "127.0.0.1" }));
  const drainingEndpoints = [draining.address];
  const pools = topology.pools.map((pool) => ({ ...pool, drainingEndpoints }));
  return { ...topology, listeners, pools };
}

/** Lets clients name the endpoint, as a pick does. */
function trusting(text: string): string {
  return text.replace(/(prefix"?: ?"?)x-gateway-destination-endpoint/, "$1x-none");
}

type Kind = "a file" | AdsProtocol;

async function startWith(kind: Kind, topology: Topology, ads: AdsHarness): Promise<void> {
  const sidecar = "unix:/umbra-is-not-there.sock";
  const bootstrap =
    kind === "a file"
      ? (adminPort: number) =>
          trusting(renderBootstrap(topology, { sidecar, envoyAdmin: `127.0.0.1:${adminPort}` }))
      : adsBootstrap(topology, ads.socket, kind);
  const envoy = await startEnvoy(ads.folder, "envoy", bootstrap);
  closing.push(() => envoy.stop());
  const resources = renderResources(topology, { sidecar });
  const trustingListeners = [...resources.lds].map(
    ([name, each]) => [name, JSON.parse(trusting(JSON.stringify(each))) as typeof each] as const,
  );
  ads.ads.update(encoded({ ...resources, lds: new Map(trustingListeners) }));
}

describe.each<Kind>(["a file", "GRPC", "DELTA_GRPC"])("by %s", (kind) => {
  async function start(hasReady: boolean) {
    const [port = 0] = await freePorts(1);
    const ads = await startAds();
    closing.push(() => ads.close());
    const [ready, draining] = [await startEchoServer("ready"), await startEchoServer("draining")];
    closing.push(
      () => ready.close(),
      () => draining.close(),
    );
    await startWith(kind, topologyOf(hasReady ? [ready] : [], draining, port), ads);
    const ask = async (headers: Readonly<Record<string, string>> = {}) => {
      const { statusCode, body } = await request(`http://127.0.0.1:${port}/`, { headers });
      const text = await body.text();
      return statusCode === 200 ? (JSON.parse(text) as { from: string }).from : statusCode;
    };
    await until("Envoy serves", async () => typeof (await ask()) === "string");
    return { ask, draining };
  }

  test("an endpoint that is leaving serves what is sent to it by name, and nothing else", async () => {
    const { ask, draining } = await start(true);
    const named = { "x-gateway-destination-endpoint": draining.address };
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => [await ask(), await ask(named)]),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, () => ["ready", "draining"]));
  }, 60_000);

  test("endpoints that are all leaving serve everything", async () => {
    const { ask } = await start(false);
    expect(await ask()).toBe("draining");
  }, 60_000);
});
