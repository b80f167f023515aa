import { fromAds } from "../ads.ts";
import type { Plain, PlainMap } from "../plain.ts";

/** Resources that Envoy is given while it runs, by kind and name, in Envoy's JSON form. */
export type DynamicResources = Readonly<Record<DynamicKind, ReadonlyMap<string, PlainMap>>>;
export type DynamicKind = "cds" | "eds" | "sds" | "lds" | "rds";

/**
 * Takes clusters and listeners of a bootstrap apart: endpoints and routes become resources of their own, which
 * can change without touching the cluster or listener that names them.
 *
 * @param poolClusters names of the clusters whose endpoints may change
 */
export function splitResources(
  clusters: readonly PlainMap[],
  listeners: readonly PlainMap[],
  poolClusters: ReadonlySet<string>,
): Omit<DynamicResources, "sds"> {
  const split = new Split(poolClusters);
  for (const each of clusters) put(split.resources.cds, nameOf(each), split.cluster(each));
  for (const each of listeners) put(split.resources.lds, nameOf(each), split.listener(each));
  return split.resources;
}

class Split {
  readonly #poolClusters: ReadonlySet<string>;
  readonly resources = {
    cds: new Map<string, PlainMap>(),
    eds: new Map<string, PlainMap>(),
    lds: new Map<string, PlainMap>(),
    rds: new Map<string, PlainMap>(),
  };

  constructor(poolClusters: ReadonlySet<string>) {
    this.#poolClusters = poolClusters;
  }

  /** Endpoints by address come by EDS; names are resolved by Envoy, and stay with their cluster. */
  cluster(from: PlainMap): PlainMap {
    const { load_assignment: assignment, ...rest } = from;
    const isPool = this.#poolClusters.has(nameOf(from));
    if (!isPool || from.type !== "STATIC" || !isMap(assignment)) return from;
    put(this.resources.eds, nameOf(from), assignment);
    return { ...rest, type: "EDS", eds_cluster_config: { eds_config: fromAds } };
  }

  listener(from: PlainMap): PlainMap {
    return { ...from, filter_chains: mapsOf(from.filter_chains).map((each) => this.#chain(each)) };
  }

  #chain(from: PlainMap): PlainMap {
    return { ...from, filters: mapsOf(from.filters).map((each) => this.#networkFilter(each)) };
  }

  #networkFilter(from: PlainMap): PlainMap {
    const { typed_config: config } = from;
    if (!isMap(config) || !isMap(config.route_config)) return from;
    const { route_config: routes, ...rest } = config;
    const name = nameOf(routes);
    put(this.resources.rds, name, routes);
    return {
      ...from,
      typed_config: { ...rest, rds: { route_config_name: name, config_source: fromAds } },
    };
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

function mapsOf(value: Plain | undefined): readonly PlainMap[] {
  return Array.isArray(value) ? value.filter(isMap) : [];
}

function isMap(value: Plain | undefined): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
