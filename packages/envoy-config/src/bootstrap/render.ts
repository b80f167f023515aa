import { stringify } from "yaml";
import type { Listener, Mirror, Topology } from "../topology.ts";
import { envoyAddress } from "./address.ts";
import { clusters } from "./cluster.ts";
import { type EnvoyObject, extension } from "./envoy-object.ts";
import { shadowLane } from "./lane.ts";
import { listener } from "./listener.ts";
import { type BootstrapOptions, defaultBootstrapOptions } from "./options.ts";
import { isRendered } from "./route.ts";
import { yamlFormat } from "./yaml-format.ts";

/** Renders the Envoy bootstrap of a topology, as YAML. The same input gives the same bytes. */
export function renderBootstrap(
  topology: Topology,
  options: Partial<BootstrapOptions> = {},
): string {
  const all = { ...defaultBootstrapOptions, ...options };
  const heading =
    "# Rendered by `umbra render` for Envoy 1.40. Edit the resources, not this file.\n";
  return heading + stringify(bootstrap(topology, all), yamlFormat);
}

function bootstrap(topology: Topology, options: BootstrapOptions): EnvoyObject {
  const mirrors = mirrorsOf(topology.listeners);
  const hasLane = mirrors.length > 0 && !options.plainMirror;
  const internalListener = extension(
    "envoy.bootstrap.internal_listener",
    "envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
  );
  return {
    node: { id: "umbra", cluster: "umbra" },
    admin: { address: envoyAddress(options.envoyAdmin) },
    ...(hasLane ? { bootstrap_extensions: [internalListener] } : {}),
    layered_runtime: { layers: [{ name: "umbra", static_layer: runtime }] },
    overload_manager: overloadManager,
    static_resources: {
      listeners: [
        ...[...Map.groupBy(topology.listeners, ({ port }) => port).values()].flatMap(
          ([first, ...others]) =>
            first === undefined ? [] : [listener(first, others, topology, options)],
        ),
        ...(hasLane ? [shadowLane(mirrors, topology, options)] : []),
      ],
      clusters: clusters(topology, mirrors, options),
    },
  };
}

/** Every mirror once, however many matches of its rule carry it. */
export function mirrorsOf(listeners: readonly Listener[]): readonly Mirror[] {
  const byName = new Map<string, Mirror>();
  for (const { virtualHosts } of listeners) {
    for (const { routes } of virtualHosts) {
      for (const { mirrors } of routes) {
        for (const mirror of mirrors) if (isRendered(mirror)) byName.set(mirror.name, mirror);
      }
    }
  }
  return [...byName.values()];
}

const runtime: EnvoyObject = {
  // Envoy then half-closes a picker's stream and waits, where it would reset it: 1,000 resets make
  // a Node HTTP/2 server with default limits drop the connection and every pick on it.
  "envoy.reloadable_features.ext_proc_graceful_grpc_close": true,
  // Envoy's own limit of 100 instructions refuses expressions such as `/[a-z]{1,100}`, and with one of them the whole
  // bootstrap. RE2 takes time that grows with the path alone; only the file's author writes expressions.
  "re2.max_program_size.error_level": 20_000,
};

const overloadManager: EnvoyObject = {
  resource_monitors: [
    extension(
      "envoy.resource_monitors.global_downstream_max_connections",
      "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
      { max_active_downstream_connections: 50_000 },
    ),
  ],
};
