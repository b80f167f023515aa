import {
  byMatch,
  type Listener,
  type Mirror,
  type Pool,
  type Route,
  resourceName,
  type Topology,
  type VirtualHost,
} from "@umbra/envoy-config";
import { routesByObject } from "../routes-by-object.ts";

/**
 * The topology with the earlier form of some HTTPRoutes: their routes, their mirrors, and the pools that these name. An
 * HTTPRoute that is not in the earlier topology is left out.
 *
 * @param held names of HTTPRoutes, `<namespace>/<name>`
 */
export function withHeldRoutes(
  topology: Topology,
  held: ReadonlySet<string>,
  earlier: Topology | undefined,
): Topology {
  if (held.size === 0) return topology;
  const isHeld = ({ origin }: Route | Mirror) => held.has(resourceName(origin.route));
  const kept = earlier === undefined ? [] : [...routesByObject(earlier)];
  const routes = kept.flatMap(([name, each]) => (held.has(name) ? each.routes : []));
  const mirrors = kept.flatMap(([name, each]) => (held.has(name) ? each.mirrors : []));
  const listeners = topology.listeners.map((listener): Listener => {
    const own = routes.filter((each) => each.listener === listener.name);
    const hosts = listener.virtualHosts.map((host): VirtualHost => {
      const back = own.filter(({ domains }) => domains.join() === host.domains.join());
      const others = host.routes.filter((route) => !isHeld(route));
      return {
        ...host,
        routes: back.reduce<readonly Route[]>((all, { route }) => inserted(all, route), others),
      };
    });
    return { ...listener, virtualHosts: hosts };
  });
  const next = {
    ...topology,
    listeners,
    mirrors: [...topology.mirrors.filter((mirror) => !isHeld(mirror)), ...mirrors],
  };
  return { ...next, pools: withMissingPools(next, earlier?.pools ?? []) };
}

/** Before the first route that must come after it. */
function inserted(routes: readonly Route[], route: Route): readonly Route[] {
  const name = resourceName(route.origin.route);
  const at = routes.findIndex((each) => {
    const rank = byMatch(route.match, each.match);
    return rank < 0 || (rank === 0 && name < resourceName(each.origin.route));
  });
  return at < 0 ? [...routes, route] : routes.toSpliced(at, 0, route);
}

function withMissingPools(topology: Topology, earlier: readonly Pool[]): readonly Pool[] {
  const known = new Set(topology.pools.map(({ name }) => name));
  const named = new Set([
    ...topology.mirrors.map(({ pool }) => pool),
    ...topology.listeners.flatMap(({ virtualHosts }) =>
      virtualHosts.flatMap(({ routes }) => routes.flatMap(poolsOf)),
    ),
  ]);
  const missing = earlier.filter(({ name }) => named.has(name) && !known.has(name));
  return [...topology.pools, ...missing].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function poolsOf({ action }: Route): readonly string[] {
  if (action.kind !== "forward") return [];
  return action.backends.flatMap((backend) => (backend.kind === "pool" ? [backend.pool] : []));
}
