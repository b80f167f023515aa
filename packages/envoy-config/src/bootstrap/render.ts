import { bySocket, routesOf } from "../queries.ts";
import type { Topology } from "../topology.ts";
import { envoyAddress } from "./address.ts";
import { type ChangedBootstrap, changeBootstrap } from "./change/change-bootstrap.ts";
import { clusters, dynamicClusters } from "./cluster.ts";
import { turnsOnCrashingGuard } from "./crashing-guard.ts";
import { because, builtIn, type EnvoyObject } from "./envoy-object.ts";
import { hasShadowLane, shadowLane } from "./lane.ts";
import { listener } from "./listener.ts";
import { type BootstrapOptions, defaultBootstrapOptions } from "./options.ts";
import { overloadManager } from "./overload.ts";
import { plainOf } from "./plain.ts";
import { statsConfig, statsListener } from "./stats.ts";
import { yamlText } from "./yaml-text.ts";

/** Renders the Envoy bootstrap of a topology as YAML. The same input produces the same bytes. */
export function renderBootstrap(
  topology: Topology,
  options: Partial<BootstrapOptions> = {},
  { hasComments = false }: RenderFormat = {},
): string {
  const message = bootstrap(topology, optionsOf(topology, options));
  const { bootstrap: plain } = changeBootstrap(plainOf(message), topology.envoy.bootstrap);
  return headed("umbra render", yamlText(plain, hasComments ? message : undefined));
}

/** Adds a comment with the command that wrote the text. */
export function headed(command: string, text: string): string {
  return `# Rendered by \`${command}\` for Envoy 1.40. Edit the resources, not this file.\n${text}`;
}

export interface RenderFormat {
  /** Writes the reason for each limit and guard as a comment before it. */
  readonly hasComments?: boolean;
}

/** Operations of an EnvoyProxy's patch that can't be applied, by index. */
export function patchProblems(topology: Topology): ChangedBootstrap["problems"] {
  return topology.envoy.bootstrap?.kind === "patch" ? changed(topology).problems : [];
}

/** True if an EnvoyProxy's bootstrap enables the guard that crashes Envoy. */
export function hasCrashingGuard(topology: Topology): boolean {
  return (
    topology.envoy.bootstrap !== undefined && turnsOnCrashingGuard(changed(topology).bootstrap)
  );
}

/** Renders the bootstrap with default options. */
function changed(topology: Topology): ChangedBootstrap {
  const rendered = plainOf(bootstrap(topology, optionsOf(topology, {})));
  return changeBootstrap(rendered, topology.envoy.bootstrap);
}

/** Resolves all options: the given value, else the topology's, else the default. */
export function optionsOf(
  topology: Topology,
  options: Partial<BootstrapOptions>,
): BootstrapOptions {
  const all = { ...defaultBootstrapOptions, ...topology.envoy.settings, ...options };
  return { ...all, routeStats: all.routeStats && routesOf(topology).length <= mostCountedRules };
}

/** Each counted rule needs counters and a histogram in every worker. */
const mostCountedRules = 500;

/** The whole bootstrap as a message with its reasons. */
export function bootstrap(topology: Topology, options: BootstrapOptions): EnvoyObject {
  const hasLane = hasShadowLane(topology, options);
  return {
    ...processPart(options),
    ...(hasLane ? internalListeners : {}),
    static_resources: {
      listeners: [
        ...bySocket(topology.listeners).flatMap(([first, ...others]) =>
          first === undefined ? [] : [listener(first, others, topology, options)],
        ),
        ...(hasLane ? [shadowLane(topology, options)] : []),
        ...(options.statsListener === undefined ? [] : [statsListener(options.statsListener)]),
      ],
      clusters: (options.isDynamic ? dynamicClusters : clusters)(topology, options),
    },
  };
}

/** What Envoy reads once, when it starts. */
export function processPart(options: BootstrapOptions): EnvoyObject {
  return {
    node: { id: "umbra", cluster: "umbra" },
    admin: {
      address: because(
        "Anyone who reaches the admin interface controls Envoy: keep it on loopback.",
        envoyAddress(options.envoyAdmin),
      ),
      ignore_global_conn_limit: because(
        "Keeps the admin interface reachable when all connections are in use.",
        true,
      ),
    },
    stats_config: statsConfig,
    deferred_stat_options: {
      enable_deferred_creation_stats: because(
        "Saves the memory for counters of clusters without traffic.",
        true,
      ),
    },
    layered_runtime: { layers: [{ name: "umbra", static_layer: runtime }] },
    overload_manager: overloadManager(options),
  };
}

/** What internal listeners need, such as the shadow lane. */
export const internalListeners: EnvoyObject = {
  bootstrap_extensions: [builtIn("bootstrap.internal_listener", "InternalListener")],
};

const runtime: EnvoyObject = {
  "re2.max_program_size.error_level": because(
    "Allows long regular expressions in routes: RE2 matches in linear time, and Envoy's default limit of 100 rejects many.",
    20_000,
  ),
};
