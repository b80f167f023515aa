import { ownInterface } from "./endpoint-address.ts";
import { onceFor } from "./once-for.ts";
import { isSameResource, type ResourceRef } from "./resource-ref.ts";
import type { Backend, Listener, Mirror, Pool, Route, Topology, VirtualHost } from "./topology.ts";

/** Returns the routes of all listeners, in order. A route of several virtual hosts appears several times. */
export function routesOf({ listeners }: Pick<Topology, "listeners">): readonly Route[] {
  return routesOfListeners(listeners);
}

/** Groups listeners by the address and port that they share, in their order. */
export function bySocket(listeners: readonly Listener[]): readonly (readonly Listener[])[] {
  const byPort = Map.groupBy(listeners, ({ port }) => port);
  return [...byPort.values()].flatMap((onPort) => [
    ...Map.groupBy(onPort, ({ address }) => address).values(),
  ]);
}

const routesOfListeners = onceFor((listeners: Topology["listeners"]) =>
  hostsOf({ listeners }).flatMap(({ host }) => host.routes),
);

/** Returns every virtual host with its listener's port. */
export function hostsOf({
  listeners,
}: Pick<Topology, "listeners">): readonly { readonly port: number; readonly host: VirtualHost }[] {
  return listeners.flatMap(({ port, virtualHosts }) =>
    virtualHosts.map((host) => ({ port, host })),
  );
}

/** Returns the endpoints, also those that are leaving, that are interfaces of Umbra or Envoy. */
export function endpointsAtOwnInterfaces(
  { pools }: Pick<Topology, "pools">,
  interfaces: readonly string[],
): readonly { readonly pool: string; readonly endpoint: string }[] {
  return pools.flatMap(({ name, endpoints, drainingEndpoints = [] }) =>
    [...endpoints, ...drainingEndpoints]
      .filter((each) => ownInterface(each, interfaces) !== undefined)
      .map((endpoint) => ({ pool: name, endpoint })),
  );
}

export function poolsByName({ pools }: Pick<Topology, "pools">): ReadonlyMap<string, Pool> {
  return poolNames(pools);
}

export function mirrorsByName({ mirrors }: Pick<Topology, "mirrors">): ReadonlyMap<string, Mirror> {
  return mirrorNames(mirrors);
}

const poolNames = onceFor((pools: readonly Pool[]) => byName(pools));
const mirrorNames = onceFor((mirrors: readonly Mirror[]) => byName(mirrors));

function byName<T extends Pool | Mirror>(all: readonly T[]): ReadonlyMap<string, T> {
  return new Map(all.map((each) => [each.name, each]));
}

/** Returns a route's mirrors. */
export function mirrorsOf(
  { mirrors }: Pick<Route, "mirrors">,
  byName: Pick<ReadonlyMap<string, Mirror>, "get">,
): readonly Mirror[] {
  return mirrors.flatMap((name) => byName.get(name) ?? []);
}

/** Returns a route's backends; a redirect has none. */
export function backendsOf({ action }: Pick<Route, "action">): readonly Backend[] {
  return action.kind === "forward" ? action.backends : [];
}

/** Names of the pools that answer clients of a route, including pools with weight 0. */
export function primaryPoolsOf({ action }: Pick<Route, "action">): readonly string[] {
  return poolsOfAction(action);
}

const poolsOfAction = onceFor((action: Route["action"]) =>
  backendsOf({ action }).flatMap((each) => (each.kind === "pool" ? each.pool : [])),
);

/** Names of the pools that get requests of a route: those with a weight above 0. */
export function servingPoolsOf(route: Pick<Route, "action">): readonly string[] {
  return backendsOf(route).flatMap((each) =>
    each.kind === "pool" && each.weight > 0 ? each.pool : [],
  );
}

/** Names of all pools that answer clients. */
export function allPrimaryPools(topology: Pick<Topology, "listeners">): ReadonlySet<string> {
  return new Set(routesOf(topology).flatMap(primaryPoolsOf));
}

/** Names of the primary pools of an HTTPRoute's shadows: they serve a mirrored route of it. */
export function baselinePoolsOf(
  topology: Pick<Topology, "listeners">,
  from: ResourceRef,
): readonly string[] {
  const mirrored = routesOf(topology).filter(
    ({ origin, mirrors }) => isSameResource(origin.route, from) && mirrors.length > 0,
  );
  return [...new Set(mirrored.flatMap(servingPoolsOf))];
}

/** True if Envoy mirrors requests for the mirror. With a policy, a share of 0 is rendered too, because it can be raised at runtime. */
export function isRendered({ perMillion, policy }: Mirror): boolean {
  return perMillion > 0 || policy !== undefined;
}

/** True if the sidecar counts both mirrors together: rules of one route to one pool, with one policy, or without a policy and with equal shares. */
export function sharesGate(a: Mirror, b: Mirror): boolean {
  const isSameRoute = isSameResource(a.origin.route, b.origin.route);
  if (!isSameRoute || a.pool !== b.pool || a.policy?.name !== b.policy?.name) return false;
  return a.policy !== undefined || a.perMillion === b.perMillion;
}
