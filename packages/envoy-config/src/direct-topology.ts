import { defaultMirrorPolicy } from "./mirror-policy.ts";
import type { Pool, Route, Topology } from "./topology.ts";

export interface DirectTopologyOptions {
  /** `ip:port`s that answer clients. */
  readonly primary: readonly string[];
  /** `ip:port`s that get a copy of every request; none for no mirror. */
  readonly shadow: readonly string[];
  readonly port: number;
  /** `0.0.0.0` when absent. */
  readonly bindAddress?: string;
}

/** The topology of `umbra up --primary … --shadow …`: one listener `http`, every host and path, fail open. */
export function directTopology({
  primary,
  shadow,
  port,
  bindAddress = "0.0.0.0",
}: DirectTopologyOptions): Topology {
  const none = { set: [], add: [], remove: [] };
  const pool = (resourceName: string, endpoints: readonly string[]): Pool => ({
    name: `default/${resourceName}`,
    kind: "InferencePool",
    namespace: "default",
    resourceName,
    endpoints,
    picker: "umbra",
    failureMode: "FailOpen",
    protocol: "http1",
    models: [],
  });
  const mirror = {
    name: "default/direct/0/mirror/0",
    pool: "default/shadow",
    perMillion: 1_000_000,
    policy: defaultMirrorPolicy("default/direct"),
  };
  const route: Route = {
    name: "default/direct/0/0",
    match: { path: { kind: "prefix", value: "/" }, headers: [], queryParams: [] },
    requestHeaders: none,
    responseHeaders: none,
    timeoutMs: 0,
    action: { kind: "forward", backends: [{ kind: "pool", pool: "default/primary", weight: 1 }] },
    mirrors: shadow.length === 0 ? [] : [mirror],
  };
  const virtualHosts = [{ name: "http/*", domains: ["*"], routes: [route] }];
  return {
    version: 1,
    listeners: [{ name: "http", address: bindAddress, port, virtualHosts }],
    pools: [pool("primary", primary), ...(shadow.length === 0 ? [] : [pool("shadow", shadow)])],
    modelServers: [],
  };
}
