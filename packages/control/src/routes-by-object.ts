import {
  type Mirror,
  type ResourceRef,
  type Route,
  resourceName,
  type Topology,
} from "@umbra/envoy-config";

/** What results from one HTTPRoute. */
export interface OfObject {
  readonly ref: ResourceRef;
  readonly routes: readonly PlacedRoute[];
  readonly mirrors: readonly Mirror[];
}

export interface PlacedRoute {
  readonly listener: string;
  readonly domains: readonly string[];
  readonly route: Route;
}

/** Routes and mirrors by the name of their HTTPRoute, `<namespace>/<name>`. */
export function routesByObject(topology: Topology): ReadonlyMap<string, OfObject> {
  const all = new Map<string, { ref: ResourceRef; routes: PlacedRoute[]; mirrors: Mirror[] }>();
  const of = (ref: ResourceRef) => {
    const name = resourceName(ref);
    const held = all.get(name) ?? { ref, routes: [], mirrors: [] };
    all.set(name, held);
    return held;
  };
  for (const { name: listener, virtualHosts } of topology.listeners) {
    for (const { domains, routes } of virtualHosts) {
      for (const route of routes) of(route.origin.route).routes.push({ listener, domains, route });
    }
  }
  for (const mirror of topology.mirrors) of(mirror.origin.route).mirrors.push(mirror);
  return all;
}
