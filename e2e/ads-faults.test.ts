import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type AdsProtocol, directTopology } from "@umbra/envoy-config";
import type { Kind } from "@umbra/xds";
import { request } from "undici";
import { isLong } from "../testing/test-size.ts";
import { type AdminEnvoy, adsBootstrap, startEnvoy } from "./harness/ads.ts";
import { type AdsGateway, plainWorld, startAdsGateway } from "./harness/ads-gateway.ts";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { until } from "./harness/until.ts";

/** For how long an Envoy is stopped while its configuration changes. */
const stoppedS = isLong ? 60 : 4;
const protocols: readonly AdsProtocol[] = ["GRPC", "DELTA_GRPC"];
const emptyTopology = directTopology({ primary: [], shadow: [], port: 80 });
const echoes: EchoServer[] = [];

beforeAll(async () => {
  for (const name of ["first", "second"]) echoes.push(await startEchoServer(name));
});

afterAll(async () => {
  await Promise.all(echoes.map((each) => each.close()));
});

const addressOf = (index: number) => echoes[index % 2]?.address ?? "";

describe.each(protocols)("an Envoy by %s", (protocol) => {
  const accepted: Kind[] = [];
  let gateway: AdsGateway;

  beforeAll(async () => {
    gateway = await startAdsGateway({
      protocol,
      observer: { accepted: (_nodeId, kind) => void accepted.push(kind) },
    });
    gateway.apply(world(0));
    await gateway.upToDate();
    await until("it serves", async () => (await gateway.get())[0] === 200);
  }, 30_000);

  afterAll(() => gateway.stop());

  beforeEach(() => {
    accepted.length = 0;
  });

  function world(version: number) {
    const services = { a: [addressOf(version)] };
    const routes = { "/": "a", [`/${version}`]: "a" };
    return { yaml: plainWorld({ port: gateway.port, services, routes }) };
  }

  test(`28: stopped (SIGSTOP) for ${stoppedS} s of 300 changes: it gets one pending answer of a kind, and then the newest`, async () => {
    const { process: envoy } = gateway.envoy();
    envoy.kill("SIGSTOP");
    const startedMs = performance.now();
    for (let i = 1; i <= 300; i++) {
      gateway.apply(world(i));
      await sleep(Math.max(0, startedMs + (i * stoppedS * 1_000) / 300 - performance.now()));
    }
    gateway.apply(world(301));
    envoy.kill("SIGCONT");
    await gateway.upToDate();
    expect((await gateway.get())[1]).toContain("second");
    const times = (kind: Kind) => accepted.filter((each) => each === kind).length;
    expect({ eds: times("eds") <= 2, rds: times("rds") <= 2, cds: times("cds") }).toEqual({
      ...{ eds: true, rds: true, cds: 0 },
    });
    const routes = JSON.stringify(await gateway.envoy().configDump());
    expect([routes.includes('"/301"'), routes.includes('"/300"')]).toEqual([true, false]);
  }, 150_000);
});

describe.each(protocols)("an Envoy by %s that is started while the sidecar is away", (protocol) => {
  let gateway: AdsGateway;

  beforeAll(async () => {
    gateway = await startAdsGateway({ protocol, isEnvoyLater: true });
    await gateway.ads.leave();
  });

  afterAll(() => gateway.stop());

  test("is not ready, tries again each second at the latest, and serves after its return", async () => {
    await gateway.startEnvoy();
    const failures = () => gateway.envoy().stat("cluster.umbra-ads.upstream_cx_connect_fail");
    // With Envoy's own limit of 30 s between two tries these would take minutes.
    const hasTriedOften = async () => (await failures()) > 14;
    await until("it has tried often enough to wait for long", hasTriedOften, 35_000);
    expect(await readyStatus(gateway.envoy().adminPort)).toBe(503);
    await gateway.ads.restart();
    const services = { a: [addressOf(0)] };
    gateway.apply({ yaml: plainWorld({ port: gateway.port, services, routes: { "/": "a" } }) });
    await until("it serves", async () => (await gateway.get())[0] === 200);
    expect(await readyStatus(gateway.envoy().adminPort)).toBe(200);
  }, 40_000);
});

describe.each(protocols)("two Envoys by %s, of which one refuses a route", (protocol) => {
  let gateway: AdsGateway;
  let strict: AdminEnvoy;

  beforeAll(async () => {
    gateway = await startAdsGateway({ protocol });
    const bootstrap = adsBootstrap(emptyTopology, gateway.ads.socket, protocol);
    // It takes only small regular expressions.
    strict = await startEnvoy(gateway.ads.folder, "strict", (adminPort) =>
      bootstrap(adminPort)
        .replace("id: umbra", "id: strict")
        .replace(/(?<=max_program_size.error_level: )\d+/, "500"),
    );
    gateway.apply(world("/a.*"));
    await allUpToDate();
  }, 30_000);

  afterAll(async () => {
    await strict.stop();
    await gateway.stop();
  });

  function world(path: string) {
    const { port } = gateway;
    const yaml = plainWorld({ port, services: { a: [addressOf(0)] }, routes: { [path]: "a" } });
    return { yaml: yaml.replace("PathPrefix", "RegularExpression") };
  }

  const allUpToDate = () =>
    until("both have taken it", () => {
      const { clients } = gateway.ads.ads;
      return clients.length === 2 && clients.every(({ isUpToDate }) => isUpToDate);
    });
  const refusals = () =>
    gateway.ads.ads.clients.flatMap(({ nodeId, rejections }) =>
      rejections.map(({ kind, name }) => ({ nodeId, kind, name })),
    );
  const hasPath = async (envoy: AdminEnvoy, path: string) =>
    JSON.stringify(await envoy.configDump()).includes(JSON.stringify(path));

  test("each has its own state, and a route that both take clears it", async () => {
    const large = "/(b{60}){16}.*";
    gateway.apply(world(large));
    await allUpToDate();
    expect(refusals()).toEqual([
      { nodeId: "strict", kind: "rds", name: `127.0.0.1:${gateway.port}` },
    ]);
    expect([await hasPath(gateway.envoy(), large), await hasPath(strict, large)]).toEqual([
      true,
      false,
    ]);
    expect(await hasPath(strict, "/a.*")).toBe(true);
    gateway.apply(world("/c.*"));
    await allUpToDate();
    expect(refusals()).toEqual([]);
    expect([await hasPath(gateway.envoy(), "/c.*"), await hasPath(strict, "/c.*")]).toEqual([
      true,
      true,
    ]);
  });
});

async function readyStatus(adminPort: number): Promise<number> {
  const { statusCode, body } = await request(`http://127.0.0.1:${adminPort}/ready`);
  await body.dump();
  return statusCode;
}
