import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type AdsProtocol,
  renderBootstrap,
  renderResources,
  type Topology,
} from "@umbra/envoy-config";
import { caseNames, casesFolder, readCase } from "../packages/envoy-config/test/golden-case.ts";
import {
  type AdminEnvoy,
  type AdsHarness,
  adsBootstrap,
  encoded,
  startAds,
  startEnvoy,
} from "./harness/ads.ts";
import { freePorts } from "./harness/ports.ts";
import { until } from "./harness/until.ts";

/** Cases that between them have every kind of resource; `ADS_GOLDEN=all` takes every folder. */
const few = ["https", "shadow-policy", "pools"];
const names = caseNames.filter(
  (name) =>
    existsSync(new URL(`${name}/envoy.yaml`, casesFolder)) &&
    (process.env.ADS_GOLDEN === "all" || few.includes(name)),
);

/** The topology of a golden folder on free ports, with its options. */
async function read(name: string) {
  const { read: given, bootstrap } = readCase(name);
  const used = [...new Set(given.topology.listeners.map(({ port }) => port))];
  const free = await freePorts(used.length);
  const listeners = given.topology.listeners.map((each) => ({
    ...each,
    address: "127.0.0.1",
    port: free[used.indexOf(each.port)] ?? each.port,
  }));
  const { bootstrap: _, ...envoy } = given.topology.envoy;
  const topology: Topology = { ...given.topology, listeners, envoy };
  return { topology, options: { ...bootstrap, certificates: given.certificates } };
}

type Json = Readonly<Record<string, unknown>>;
const sorted = (list: readonly Json[]) =>
  [...list].sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1));

/** Clusters and listeners that Envoy started with. */
function staticConfig(dump: readonly Json[]) {
  const clusters = listOf(dump, "static_clusters").map((each) => each.cluster as Json);
  const listeners = listOf(dump, "static_listeners").map((each) => each.listener as Json);
  return { clusters: sorted(clusters), listeners: sorted(listeners) };
}

/** Clusters and listeners that Envoy was given, with endpoints, routes and certificates put back where they were. */
function dynamicConfig(dump: readonly Json[]) {
  const routes = new Map(
    listOf(dump, "dynamic_route_configs").map((each) => [
      (each.route_config as Json).name,
      withoutType(each.route_config as Json),
    ]),
  );
  const secrets = new Map(
    listOf(dump, "dynamic_active_secrets").map((each) => [
      each.name,
      (each.secret as Json).tls_certificate,
    ]),
  );
  const endpoints = new Map(
    listOf(dump, "dynamic_endpoint_configs").map((each) => {
      const config = withoutType(each.endpoint_config as Json);
      return [config.cluster_name, config];
    }),
  );
  const clusters = listOf(dump, "dynamic_active_clusters").map(({ cluster }) => {
    const { eds_cluster_config: eds, ...rest } = cluster as Json;
    if (eds === undefined) return rest;
    return { ...rest, type: "STATIC", load_assignment: bare(endpoints.get(rest.name)) };
  });
  // Those that are draining have no active state.
  const listeners = listOf(dump, "dynamic_listeners").flatMap(({ active_state: active }): Json[] =>
    active === undefined ? [] : [rejoin((active as Json).listener, routes, secrets) as Json],
  );
  return { clusters: sorted(clusters as Json[]), listeners: sorted(listeners) };
}

/** As it was sent: Envoy shows weights and health next to each endpoint. */
function bare(assignment: unknown): unknown {
  return JSON.parse(
    JSON.stringify(assignment ?? {}, (key, value) =>
      key === "policy" ||
      key === "health_status" ||
      key === "load_balancing_weight" ||
      key === "metadata" ||
      key === "health_check_config" ||
      key === "locality"
        ? undefined
        : value,
    ),
  );
}

function rejoin(
  value: unknown,
  routes: ReadonlyMap<unknown, unknown>,
  secrets: ReadonlyMap<unknown, unknown>,
): unknown {
  if (Array.isArray(value)) return value.map((each) => rejoin(each, routes, secrets));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => {
    if (key === "rds") return ["route_config", routes.get((each as Json).route_config_name)];
    if (key === "tls_certificate_sds_secret_configs") {
      return ["tls_certificates", (each as Json[]).map(({ name }) => secrets.get(name))];
    }
    return [key, rejoin(each, routes, secrets)];
  });
  return Object.fromEntries(entries);
}

function withoutType({ "@type": _, ...rest }: Json): Json {
  return rest;
}

function listOf(dump: readonly Json[], key: string): readonly Json[] {
  return dump.flatMap((each) => (each[key] as Json[] | undefined) ?? []);
}

describe.each<AdsProtocol>(["GRPC", "DELTA_GRPC"])("by %s", (protocol) => {
  let ads: AdsHarness;
  let envoy: AdminEnvoy;

  beforeAll(async () => {
    ads = await startAds();
    const { topology } = await read(few[0] as string);
    envoy = await startEnvoy(ads.folder, "ads", adsBootstrap(topology, ads.socket, protocol));
  }, 30_000);

  afterAll(async () => {
    await envoy.stop();
    await ads.close();
  });

  test.each(names)("Envoy has what the static bootstrap of %s gives it", async (name) => {
    const { topology, options } = await read(name);
    const other = await startEnvoy(ads.folder, name, (adminPort) =>
      renderBootstrap(topology, { ...options, envoyAdmin: `127.0.0.1:${adminPort}` }),
    );
    const isUp = async () => staticConfig(await other.configDump()).listeners.length > 0;
    await until("the static Envoy is up", isUp);
    const want = staticConfig(await other.configDump());
    await other.stop();
    const envoyAdmin = `127.0.0.1:${other.adminPort}`;
    ads.ads.update(encoded(renderResources(topology, { ...options, envoyAdmin })));
    const client = () => ads.ads.clients[0];
    await until("Envoy has taken it all", () => client()?.isUpToDate === true, 30_000);
    expect(client()?.rejections).toEqual([]);
    const isThere = async () =>
      JSON.stringify(dynamicConfig(await envoy.configDump()).listeners.map((each) => each.name)) ===
      JSON.stringify(want.listeners.map((each) => each.name));
    await until("the listeners are active", isThere);
    const found = dynamicConfig(await envoy.configDump());
    expect(found.clusters).toEqual(want.clusters);
    expect(found.listeners).toEqual(want.listeners);
  });
});
