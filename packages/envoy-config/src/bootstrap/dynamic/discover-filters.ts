import { fromAds } from "../ads.ts";
import type { Lane } from "../ext-proc-filter.ts";
import { isMap, mapsOf, type Plain, type PlainMap } from "../plain.ts";

/** The HTTP filters of a lane before the router. */
export interface LaneFilters {
  /** Those that Umbra renders, which an EnvoyProxy may have changed. */
  readonly rendered: readonly PlainMap[];
  /** Those, and in their places the ones that no route uses. */
  readonly every: readonly PlainMap[];
}

export interface DiscoveredFilters {
  /** The connection manager, which names its filters. */
  readonly manager: PlainMap;
  /** `TypedExtensionConfig` messages. */
  readonly discovered: readonly PlainMap[];
}

/**
 * Puts every filter into a connection manager, and lets them come by ECDS: Envoy takes a changed filter for new requests
 * and lets the running ones end, where a changed listener would cut them off. A filter that an EnvoyProxy has changed
 * stays where it is: it may differ from listener to listener. One that it has removed stays away.
 */
export function discoverFilters(
  manager: PlainMap,
  filters: LaneFilters,
  lane: Lane,
): DiscoveredFilters {
  const names = new Map<string, string>();
  const discovered: PlainMap[] = [];
  const every = new Map(filters.every.map((each) => [each.name, each]));
  const rendered = new Map(filters.rendered.map((each) => [each.name, JSON.stringify(each)]));
  const chain = withUnused(mapsOf(manager.http_filters), filters).map((filter) => {
    const { name = null } = filter;
    const own = every.get(name);
    const wasRendered = rendered.get(name) ?? JSON.stringify(own);
    if (own === undefined || wasRendered !== JSON.stringify(filter)) return filter;
    const resource = resourceName(String(name), lane);
    names.set(String(name), resource);
    const { typed_config: config = null } = own;
    discovered.push({ name: resource, typed_config: config });
    return reference(own, resource, config);
  });
  const { route_config: routes = null } = manager;
  return {
    manager: { ...manager, http_filters: chain, route_config: renamed(routes, names) },
    discovered,
  };
}

/** Adds the filters that were not rendered, each before the one that comes after it, or else before the router. */
function withUnused(
  chain: readonly PlainMap[],
  { rendered, every }: LaneFilters,
): readonly PlainMap[] {
  const isRendered = new Set(rendered.map(({ name }) => name));
  const result = [...chain];
  for (const [index, filter] of every.entries()) {
    if (isRendered.has(filter.name)) continue;
    const later = new Set(every.slice(index + 1).map(({ name }) => name));
    const at = result.findIndex(({ name }) => later.has(name));
    result.splice(at < 0 ? Math.max(0, result.length - 1) : at, 0, filter);
  }
  return result;
}

/** Envoy finds a filter's configuration by the filter's name: both lanes have a pick of their own. */
function resourceName(name: string, lane: Lane): string {
  return lane === "primary" ? name : `${name}.${lane}`;
}

function reference(filter: PlainMap, name: string, config: Plain): PlainMap {
  const { typed_config: _, ...rest } = filter;
  const { "@type": type = null } = isMap(config) ? config : {};
  return { ...rest, name, config_discovery: { config_source: fromAds, type_urls: [type] } };
}

/** Routes configure a filter by its name. */
function renamed(routes: Plain, names: ReadonlyMap<string, string>): Plain {
  const isSame = [...names].every(([from, to]) => from === to);
  if (isSame || !isMap(routes)) return routes;
  const rename = (route: PlainMap): PlainMap => {
    const { typed_per_filter_config: settings } = route;
    if (!isMap(settings)) return route;
    const entries = Object.entries(settings).map(([name, each]) => [names.get(name) ?? name, each]);
    return { ...route, typed_per_filter_config: Object.fromEntries(entries) as PlainMap };
  };
  const hosts = mapsOf(routes.virtual_hosts).map((host) => ({
    ...host,
    routes: mapsOf(host.routes).map(rename),
  }));
  return { ...routes, virtual_hosts: hosts };
}
