import type { Topology } from "../topology.ts";
import { clusters } from "./cluster.ts";
import { type EnvoyObject, typed } from "./envoy-object.ts";
import { observeFilter, pickFilter } from "./ext-proc-filter.ts";
import { externalPickFilter } from "./external-picker.ts";
import { hasShadowLane, shadowLane } from "./lane.ts";
import { primaryFilters, routeConfiguration } from "./listener.ts";
import type { BootstrapOptions } from "./options.ts";
import { plainOf } from "./plain.ts";
import { headed, optionsOf, type RenderFormat } from "./render.ts";
import { yamlText } from "./yaml-text.ts";

/** Parts that can be rendered alone, for a bootstrap that Umbra does not render. */
export const partNames = [
  "route-config",
  "clusters",
  "pick-filter",
  "external-pick-filter",
  "observe-filter",
  "shadow-lane",
] as const;

export type PartName = (typeof partNames)[number];

/**
 * Renders one part of the bootstrap as a file for Envoy's `path_config_source`: a DiscoveryResponse in YAML. A part
 * may be empty, e.g. the shadow lane if nothing is mirrored.
 */
export function renderPart(
  topology: Topology,
  part: PartName,
  options: Partial<BootstrapOptions> = {},
  { hasComments = false }: RenderFormat = {},
): string {
  const message = { resources: parts[part](topology, optionsOf(topology, options)) };
  const text = yamlText(plainOf(message), hasComments ? message : undefined);
  return headed(`umbra render --format ${part}`, text);
}

type Part = (topology: Topology, options: BootstrapOptions) => readonly EnvoyObject[];

const parts: Readonly<Record<PartName, Part>> = {
  "route-config": (topology, options) =>
    topology.listeners.map((each) =>
      typed(
        "envoy.config.route.v3.RouteConfiguration",
        routeConfiguration(each, topology, options),
      ),
    ),
  clusters: (topology, options) =>
    clusters(topology, options).map((each) => typed("envoy.config.cluster.v3.Cluster", each)),
  // Separate parts, because Envoy accepts only one filter per file.
  "pick-filter": (topology, options) => filter(pickFilter, topology, options),
  "external-pick-filter": (topology, options) => filter(externalPickFilter, topology, options),
  "observe-filter": (topology, options) => filter(observeFilter, topology, options),
  "shadow-lane": (topology, options) =>
    hasShadowLane(topology, options)
      ? [typed("envoy.config.listener.v3.Listener", shadowLane(topology, options))]
      : [],
};

function filter(
  name: string,
  topology: Topology,
  options: BootstrapOptions,
): readonly EnvoyObject[] {
  return primaryFilters(topology, options)
    .filter((each) => each.name === name)
    .map(({ typed_config = {} }) =>
      typed("envoy.config.core.v3.TypedExtensionConfig", { name, typed_config }),
    );
}
