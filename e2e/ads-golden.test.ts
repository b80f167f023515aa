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
const few = [
  "https",
  "shadow-policy",
  "pools",
  "sessions-and-cors",
  "external-picker",
  "draining-endpoints",
];
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

/** Clusters and listeners that Envoy was given, with endpoints, routes, filters and certificates put back where they were. */
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
  const filters = new Map(
    listOf(dump, "ecds_filters").map(({ ecds_filter: filter }) => {
      const { name, typed_config: config } = filter as Json;
      return [name, config];
    }),
  );
  const put = { routes, secrets, filters };
  // Those that are draining have no active state.
  const listeners = listOf(dump, "dynamic_listeners").flatMap(({ active_state: active }): Json[] =>
    active === undefined ? [] : [rejoin((active as Json).listener, put) as Json],
  );
  return { clusters: sorted(clusters as Json[]), listeners: sorted(listeners) };
}

/** As it was sent: Envoy shows weights and health next to each endpoint, and what is draining as unhealthy. */
function bare(assignment: unknown): unknown {
  return JSON.parse(
    JSON.stringify(assignment ?? {}, (key, value) => {
      if (key === "health_status") return value === "UNHEALTHY" ? "DRAINING" : undefined;
      return shown.has(key) ? undefined : value;
    }),
  );
}

const shown: ReadonlySet<string> = new Set([
  ...["policy", "load_balancing_weight", "metadata", "health_check_config", "locality"],
]);

interface Given {
  readonly routes: ReadonlyMap<unknown, unknown>;
  readonly secrets: ReadonlyMap<unknown, unknown>;
  readonly filters: ReadonlyMap<unknown, unknown>;
}

function rejoin(value: unknown, given: Given): unknown {
  if (Array.isArray(value)) return value.map((each) => rejoin(each, given));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => {
    if (key === "rds") return ["route_config", given.routes.get((each as Json).route_config_name)];
    if (key === "config_discovery") {
      return ["typed_config", given.filters.get((value as Json).name)];
    }
    if (key === "tls_certificate_sds_secret_configs") {
      return ["tls_certificates", (each as Json[]).map(({ name }) => given.secrets.get(name))];
    }
    return [key, rejoin(each, given)];
  });
  return Object.fromEntries(entries);
}

/**
 * Listeners as they act: without filters that no route turns on. The static bootstrap leaves those out; where it has
 * CORS and sessions, they are on, and do nothing without a route's settings. In the shadow lane, filters have names of
 * their own by ADS.
 */
function acting(listeners: readonly Json[]): unknown {
  const text = JSON.stringify(listeners).replaceAll(
    /"([\w.-]+)\.shadow":|"([\w.-]+)\.shadow"/g,
    named,
  );
  return (JSON.parse(text) as Json[]).map((listener) => {
    const all = JSON.stringify(listener);
    return JSON.parse(all, (key, value) => {
      if (key !== "http_filters") return value as unknown;
      return (value as Json[])
        .filter(({ name }) => !optional.has(name) || all.includes(`"${name}":{`))
        .map(({ disabled: _, ...filter }) => filter);
    }) as unknown;
  });
}

function named(_all: string, asKey: string | undefined, asValue: string | undefined): string {
  return asKey === undefined ? `"${asValue}"` : `"${asKey}":`;
}

/** Filters that routes turn on. */
const optional: ReadonlySet<unknown> = new Set([
  ...["umbra.pick", "umbra.external-pick", "umbra.observe"],
  ...["umbra.session", "envoy.filters.http.cors"],
]);

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

  test.each(names)(
    "Envoy has what the static bootstrap of %s gives it",
    async (name) => {
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
        JSON.stringify(
          dynamicConfig(await envoy.configDump()).listeners.map((each) => each.name),
        ) === JSON.stringify(want.listeners.map((each) => each.name));
      await until("the listeners are active", isThere);
      const found = dynamicConfig(await envoy.configDump());
      expect(found.clusters).toEqual(want.clusters);
      expect(acting(found.listeners)).toEqual(acting(want.listeners));
      const discovered = listOf(await envoy.configDump(), "ecds_filters").length;
      expect(discovered).toBeGreaterThan(0);
    },
    90_000,
  );
});
