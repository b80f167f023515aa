import { isSameResource, type ResourceRef } from "./resource-ref.ts";
import type { Backend, Mirror, Pool, Route, Topology, VirtualHost } from "./topology.ts";

/** The routes of all listeners, in order; one that several virtual hosts have stands several times. */
export function routesOf(topology: Pick<Topology, "listeners">): readonly Route[] {
  return hostsOf(topology).flatMap(({ host }) => host.routes);
}

/** Every virtual host with its listener's port. */
export function hostsOf({
  listeners,
}: Pick<Topology, "listeners">): readonly { readonly port: number; readonly host: VirtualHost }[] {
  return listeners.flatMap(({ port, virtualHosts }) =>
    virtualHosts.map((host) => ({ port, host })),
  );
}

export function poolsByName({ pools }: Pick<Topology, "pools">): ReadonlyMap<string, Pool> {
  return new Map(pools.map((pool) => [pool.name, pool]));
}

export function mirrorsByName({ mirrors }: Pick<Topology, "mirrors">): ReadonlyMap<string, Mirror> {
  return new Map(mirrors.map((mirror) => [mirror.name, mirror]));
}

/** A route's mirrors, out of those of the topology. */
export function mirrorsOf(
  { mirrors }: Pick<Route, "mirrors">,
  byName: ReadonlyMap<string, Mirror>,
): readonly Mirror[] {
  return mirrors.flatMap((name) => byName.get(name) ?? []);
}

/** None of a redirect. */
export function backendsOf({ action }: Pick<Route, "action">): readonly Backend[] {
  return action.kind === "forward" ? action.backends : [];
}

/** Names of the pools that answer clients of a route, those of weight 0 included. */
export function primaryPoolsOf(route: Pick<Route, "action">): readonly string[] {
  return backendsOf(route).flatMap((each) => (each.kind === "pool" ? each.pool : []));
}

/** Names of the pools that get requests of a route: those with a weight. */
export function servingPoolsOf(route: Pick<Route, "action">): readonly string[] {
  return backendsOf(route).flatMap((each) =>
    each.kind === "pool" && each.weight > 0 ? each.pool : [],
  );
}

/** Names of the pools that answer any clients. */
export function allPrimaryPools(topology: Pick<Topology, "listeners">): ReadonlySet<string> {
  return new Set(routesOf(topology).flatMap(primaryPoolsOf));
}

/** Names of the pools that the shadows of an HTTPRoute are compared with: they serve a route of it that is mirrored. */
export function baselinePoolsOf(
  topology: Pick<Topology, "listeners">,
  from: ResourceRef,
): readonly string[] {
  const mirrored = routesOf(topology).filter(
    ({ origin, mirrors }) => isSameResource(origin.route, from) && mirrors.length > 0,
  );
  return [...new Set(mirrored.flatMap(servingPoolsOf))];
}

/** Whether Envoy makes copies for the mirror. A share of nothing can be raised while Envoy runs where a policy speaks of it. */
export function isRendered({ perMillion, policy }: Mirror): boolean {
  return perMillion > 0 || policy !== undefined;
}

/** Whether the sidecar counts both together: rules of one route to one pool, by one policy, or without one in equal shares. */
export function sharesGate(a: Mirror, b: Mirror): boolean {
  const isSameRoute = isSameResource(a.origin.route, b.origin.route);
  if (!isSameRoute || a.pool !== b.pool || a.policy?.name !== b.policy?.name) return false;
  return a.policy !== undefined || a.perMillion === b.perMillion;
}
