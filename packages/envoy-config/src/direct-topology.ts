import { defaultEnvoySettings, type EnvoySettings } from "./envoy-settings.ts";
import { defaultMirrorSettings } from "./mirror-policy.ts";
import { mirrorName, routeName } from "./names.ts";
import { resourceName } from "./resource-ref.ts";
import type { Mirror, Pool, Route, RouteOrigin, Topology } from "./topology.ts";

export interface DirectTopologyOptions {
  /** Primary endpoints, as `ip:port`. */
  readonly primary: readonly string[];
  /** Shadow endpoints, as `ip:port`, which get every request mirrored; empty for no mirror. */
  readonly shadow: readonly string[];
  readonly port: number;
  /** `0.0.0.0` when absent. */
  readonly bindAddress?: string;
  /** Settings that differ from the defaults. */
  readonly envoySettings?: Partial<EnvoySettings>;
}

/** Builds the topology of `umbra up --primary … --shadow …`: one listener `http` for every host and path, with FailOpen. */
export function directTopology({
  primary,
  shadow,
  port,
  bindAddress = "0.0.0.0",
  envoySettings = {},
}: DirectTopologyOptions): Topology {
  const primaryPool = poolOf("primary", primary);
  const shadowPool = poolOf("shadow", shadow);
  const isMirrored = shadow.length > 0;
  const mirrors = isMirrored ? [mirrorTo(shadowPool)] : [];
  const route = routeTo(primaryPool, mirrors);
  const virtualHosts = [{ name: "http/*", domains: ["*"], routes: [route] }];
  return {
    version: 3,
    listeners: [{ name: "http", serves: [], address: bindAddress, port, virtualHosts }],
    pools: [primaryPool, ...(isMirrored ? [shadowPool] : [])],
    mirrors,
    modelServers: [],
    envoy: { settings: { ...defaultEnvoySettings, ...envoySettings } },
  };
}

const from = { route: { namespace: "default", name: "direct" }, rule: 0 } as const;

function poolOf(name: string, endpoints: readonly string[]): Pool {
  return {
    name: resourceName({ namespace: "default", name }),
    kind: "InferencePool",
    namespace: "default",
    resourceName: name,
    endpoints,
    picker: "umbra",
    pickMode: "buffered",
    failureMode: "FailOpen",
    protocol: "http1",
    models: [],
    endpointLabels: {},
    scrape: {},
    endpointScrape: {},
    rewrites: [],
    objectives: [],
  };
}

function mirrorTo(pool: Pool): Mirror {
  const origin = { ...from, filter: 0 };
  return {
    name: mirrorName(origin),
    origin,
    pool: pool.name,
    perMillion: 1_000_000,
    pickMode: "buffered",
    ...defaultMirrorSettings(resourceName(from.route)),
  };
}

function routeTo(pool: Pool, mirrors: readonly Mirror[]): Route {
  const none = { set: [], add: [], remove: [] };
  const origin: RouteOrigin = { ...from, match: 0 };
  return {
    name: routeName(origin),
    origin,
    match: { path: { kind: "prefix", value: "/" }, headers: [], queryParams: [] },
    requestHeaders: none,
    responseHeaders: none,
    action: { kind: "forward", backends: [{ kind: "pool", pool: pool.name, weight: 1 }] },
    mirrors: mirrors.map(({ name }) => name),
    pickMode: "buffered",
  };
}
