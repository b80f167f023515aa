import { socketName } from "../../names.ts";
import type { Topology } from "../../topology.ts";
import { type AdsProtocol, adsCluster, dynamicResources } from "../ads.ts";
import { changeBootstrap } from "../change/change-bootstrap.ts";
import { secrets } from "../downstream-tls.ts";
import type { EnvoyObject } from "../envoy-object.ts";
import { shadowFilters } from "../lane.ts";
import { httpFilters } from "../listener.ts";
import { primaryClusterName, shadowClusterName, shadowLaneListener } from "../names.ts";
import type { BootstrapOptions } from "../options.ts";
import { type PlainMap, plainOf } from "../plain.ts";
import {
  bootstrap,
  headed,
  internalListeners,
  optionsOf,
  processPart,
  type RenderFormat,
} from "../render.ts";
import { yamlText } from "../yaml-text.ts";
import { type Changeable, type DynamicResources, nameOf, splitResources } from "./split.ts";

export interface AdsOptions {
  /** Where the sidecar serves ADS: `unix:/path`, or `host:port` with `sidecarTls` and its three files. */
  readonly address: string;
  /** State of the world when absent. */
  readonly protocol?: AdsProtocol;
  /** Longest pause between two tries to reach the sidecar, in ms, from 100; 500 when absent. */
  readonly retryWithinMs?: number;
}

/**
 * Renders the small bootstrap that points Envoy at the sidecar for everything else. Of the resources, it depends on
 * EnvoySettings and EnvoyProxy only. The same input produces the same bytes.
 *
 * @throws RangeError for `host:port` without certificates on both sides.
 */
export function renderAdsBootstrap(
  topology: Topology,
  { address, protocol = "GRPC", retryWithinMs = 500 }: AdsOptions,
  options: Partial<BootstrapOptions> = {},
  { hasComments = false }: RenderFormat = {},
): string {
  const all = { ...optionsOf(topology, options), isDynamic: true };
  const message: EnvoyObject = {
    ...processPart(all),
    // A lane may come later, and Envoy takes internal listeners only if it was started with the extension.
    ...internalListeners,
    dynamic_resources: dynamicResources(protocol, retryWithinMs),
    static_resources: { clusters: [adsCluster(address, all.sidecarTls)] },
  };
  const plain = withOwnParts(plainOf(message), topology, all);
  return headed("umbra render --ads", yamlText(plain, hasComments ? message : undefined));
}

/**
 * The resources of a topology, for an Envoy that runs with `renderAdsBootstrap`. Together with it they mean the same as
 * `renderBootstrap`. An EnvoyProxy's changes apply to clusters and listeners; the rest of a bootstrap can't change while
 * Envoy runs.
 */
export function renderResources(
  topology: Topology,
  options: Partial<BootstrapOptions> = {},
): DynamicResources {
  const all = { ...optionsOf(topology, options), isDynamic: true };
  const { clusters, listeners } = changed(topology, all);
  const certificates = [...secrets(topology.listeners, all)];
  return {
    ...splitResources(clusters, listeners, {
      poolClusters: poolClustersOf(topology),
      filters: filtersOf(topology, all),
      filteredListeners: new Map([
        ...topology.listeners.map((each) => [socketName(each), "primary"] as const),
        [shadowLaneListener, "shadow"],
      ]),
    }),
    sds: new Map(certificates.map(([name, secret]) => [name, plainOf(secret)])),
  };
}

/** Adds what an EnvoyProxy changes outside of Umbra's clusters and listeners, for the process's whole life. */
function withOwnParts(small: PlainMap, topology: Topology, options: BootstrapOptions): PlainMap {
  if (topology.envoy.bootstrap === undefined) return small;
  const { frame, ownClusters, otherStatic } = changed(topology, options);
  const { dynamic_resources: dynamic = null, static_resources: own } = small;
  const [ads] = (own as StaticResources).clusters ?? [];
  return {
    ...frame,
    dynamic_resources: dynamic,
    static_resources: { ...otherStatic, clusters: [ads ?? null, ...ownClusters] },
  };
}

interface Changed {
  /** The bootstrap without `static_resources` and `dynamic_resources`. */
  readonly frame: PlainMap;
  readonly clusters: readonly PlainMap[];
  readonly listeners: readonly PlainMap[];
  /** Clusters that only the EnvoyProxy has: its tracing and statistics need them before anything is served by ADS. */
  readonly ownClusters: readonly PlainMap[];
  /** `static_resources` without clusters and listeners. */
  readonly otherStatic: PlainMap;
}

/** The whole bootstrap with an EnvoyProxy's changes, in its parts. */
function changed(topology: Topology, options: BootstrapOptions): Changed {
  const rendered = plainOf({ ...bootstrap(topology, options), ...internalListeners });
  const { bootstrap: whole } = changeBootstrap(rendered, topology.envoy.bootstrap);
  const { static_resources: resources = {}, dynamic_resources: _, ...frame } = whole as PlainMap;
  const { clusters = [], listeners = [], ...otherStatic } = resources as StaticResources;
  const own = new Set((rendered.static_resources as StaticResources).clusters?.map(nameOf));
  return {
    ...{ frame, listeners, otherStatic },
    clusters: clusters.filter((each) => own.has(nameOf(each))),
    ownClusters: clusters.filter((each) => !own.has(nameOf(each))),
  };
}

function filtersOf(topology: Topology, used: BootstrapOptions): Changeable["filters"] {
  const every = { ...used, hasEveryFilter: true };
  const lane = (of: typeof httpFilters) => ({
    rendered: of(topology, used).map(plainOf),
    every: of(topology, every).map(plainOf),
  });
  return { primary: lane(httpFilters), shadow: lane(shadowFilters) };
}

function poolClustersOf(topology: Topology): ReadonlySet<string> {
  return new Set([
    ...topology.pools.map(({ name }) => primaryClusterName(name)),
    ...topology.mirrors.map(({ name }) => shadowClusterName(name)),
  ]);
}

/** An EnvoyProxy may have taken parts away. */
interface StaticResources extends PlainMap {
  readonly clusters?: readonly PlainMap[];
  readonly listeners?: readonly PlainMap[];
}
