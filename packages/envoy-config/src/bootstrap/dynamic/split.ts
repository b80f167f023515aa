import { fromAds } from "../ads.ts";
import type { Lane } from "../ext-proc-filter.ts";
import { isMap, mapsOf, type PlainMap } from "../plain.ts";
import { discoverFilters, type LaneFilters } from "./discover-filters.ts";

/** Resources that Envoy is given while it runs, by kind and name, in Envoy's JSON form. */
export type DynamicResources = Readonly<Record<DynamicKind, ReadonlyMap<string, PlainMap>>>;
export type DynamicKind = "cds" | "eds" | "sds" | "ecds" | "lds" | "rds";

/** What may change without its cluster or listener. */
export interface Changeable {
  /** Names of the clusters whose endpoints may change. */
  readonly poolClusters: ReadonlySet<string>;
  readonly filters: Readonly<Record<Lane, LaneFilters>>;
  /** Lanes of the listeners whose filters may change, by name: not those that only an EnvoyProxy has. */
  readonly filteredListeners: ReadonlyMap<string, Lane>;
}

/**
 * Takes clusters and listeners of a bootstrap apart: endpoints, HTTP filters and routes become resources of their own,
 * which can change without touching the cluster or listener that names them.
 */
export function splitResources(
  clusters: readonly PlainMap[],
  listeners: readonly PlainMap[],
  changeable: Changeable,
): Omit<DynamicResources, "sds"> {
  const split = new Split(changeable);
  for (const each of clusters) put(split.resources.cds, nameOf(each), split.cluster(each));
  for (const each of listeners) put(split.resources.lds, nameOf(each), split.listener(each));
  return split.resources;
}

/** The same cluster is the same object again, which is quick to see. */
const discoveredClusters = new WeakMap<PlainMap, PlainMap>();

class Split {
  readonly #changeable: Changeable;
  readonly resources = {
    cds: new Map<string, PlainMap>(),
    eds: new Map<string, PlainMap>(),
    ecds: new Map<string, PlainMap>(),
    lds: new Map<string, PlainMap>(),
    rds: new Map<string, PlainMap>(),
  };

  constructor(changeable: Changeable) {
    this.#changeable = changeable;
  }

  /** Endpoints by address come by EDS; names are resolved by Envoy, and stay with their cluster. */
  cluster(from: PlainMap): PlainMap {
    const { load_assignment: assignment, ...rest } = from;
    const isPool = this.#changeable.poolClusters.has(nameOf(from));
    if (!isPool || from.type !== "STATIC" || !isMap(assignment)) return from;
    put(this.resources.eds, nameOf(from), assignment);
    const held = discoveredClusters.get(from);
    if (held !== undefined) return held;
    const made: PlainMap = { ...rest, type: "EDS", eds_cluster_config: { eds_config: fromAds } };
    discoveredClusters.set(from, made);
    return made;
  }

  listener(from: PlainMap): PlainMap {
    const lane = this.#changeable.filteredListeners.get(nameOf(from));
    const chains = mapsOf(from.filter_chains).map((chain) => ({
      ...chain,
      filters: mapsOf(chain.filters).map((each) => this.#networkFilter(each, lane)),
    }));
    return { ...from, filter_chains: chains };
  }

  #networkFilter(from: PlainMap, lane: Lane | undefined): PlainMap {
    const { typed_config: config } = from;
    if (!isMap(config) || !isMap(config.route_config)) return from;
    const manager = lane === undefined ? config : this.#discover(config, lane);
    const { route_config: routes = null, ...rest } = manager;
    if (!isMap(routes)) return from;
    const name = nameOf(routes);
    put(this.resources.rds, name, routes);
    return {
      ...from,
      typed_config: { ...rest, rds: { route_config_name: name, config_source: fromAds } },
    };
  }

  #discover(config: PlainMap, lane: Lane): PlainMap {
    const { manager, discovered } = discoverFilters(config, this.#changeable.filters[lane], lane);
    for (const filter of discovered) put(this.resources.ecds, nameOf(filter), filter);
    return manager;
  }
}

function put(into: Map<string, PlainMap>, name: string, resource: PlainMap): void {
  const held = into.get(name);
  if (held !== undefined && JSON.stringify(held) !== JSON.stringify(resource)) {
    throw new Error(`two resources are called ${name}`);
  }
  into.set(name, resource);
}

export function nameOf({ name }: PlainMap): string {
  return String(name);
}
