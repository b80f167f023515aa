import type { Route, VirtualHost } from "../topology.ts";
import { bySpecificity, intersectHostnames, wider } from "./hostnames.ts";
import type { KnownHosts, RoutesOfHostname } from "./known-hosts.ts";
import { byPrecedence, type RankedRoute } from "./precedence.ts";
import { matchKey, takesEverything } from "./route-match.ts";

/** A listener with its attached routes. */
export interface HostedRoutes {
  /** `*` for a listener without one. */
  readonly hostname: string;
  readonly attached: readonly AttachedRoute[];
}

/** An HTTPRoute. */
export interface AttachedRoute {
  readonly hostnames: readonly string[];
  readonly routes: readonly RankedRoute[];
}

/** The routes of each HTTPRoute by its hostnames; `*` if it has none. */
type ByHostname = ReadonlyMap<string, RoutesOfHostname>;

/**
 * Builds the virtual hosts of one port. A request belongs only to the listener with the most specific hostname. There,
 * rules of HTTPRoutes with a more specific hostname come before rules with a wider one. Envoy never continues in
 * another virtual host, so each virtual host contains all of these rules except unreachable ones.
 */
export function virtualHosts(
  name: string,
  listeners: readonly HostedRoutes[],
  known: KnownHosts,
): readonly VirtualHost[] {
  const byListener = Map.groupBy(listeners, ({ hostname }) => hostname);
  const attached = new Set<string>();
  const routesOf = new Map<string, ByHostname>();
  for (const [listener, own] of byListener) {
    const routes = routesByHostname(own);
    const domains = [...routes.keys()]
      .flatMap((hostname) => intersectHostnames(listener, [hostname]))
      .filter((domain) => ownerOf(domain, byListener) === listener);
    for (const domain of domains) attached.add(domain);
    for (const domain of [listener, ...domains]) routesOf.set(domain, routes);
  }
  const served = [...routesOf.keys()]
    // A listener without routes still keeps its requests from those with a wider hostname.
    .filter((domain) => attached.has(domain) || wider(domain).some((each) => attached.has(each)))
    .toSorted(bySpecificity);
  return known.hosts(name, served, (domain) => {
    const routes = routesOf.get(domain);
    return wider(domain).map((hostname) => routes?.get(hostname) ?? []);
  });
}

/** Builds a virtual host from the routes of its domain and of wider ones, the most specific first. */
export function virtualHost(
  name: string,
  domain: string,
  byHostname: readonly RoutesOfHostname[],
): VirtualHost {
  return { name: `${name}/${domain}`, domains: [domain], routes: inOrder(byHostname) };
}

/** Returns the hostname of the listener that gets requests for `domain`, among all hostnames of one port. */
export function ownerOf(
  domain: string,
  listeners: Pick<ReadonlySet<string>, "has">,
): string | undefined {
  return listeners.has(domain) ? domain : wider(domain).find((each) => listeners.has(each));
}

function routesByHostname(listeners: readonly HostedRoutes[]): ByHostname {
  const all = new Map<string, (readonly RankedRoute[])[]>();
  for (const { hostnames, routes } of listeners.flatMap(({ attached }) => attached)) {
    for (const hostname of hostnames.length > 0 ? hostnames : ["*"]) {
      const known = all.get(hostname);
      if (known === undefined) all.set(hostname, [routes]);
      else known.push(routes);
    }
  }
  return all;
}

/** Sorts the routes of a virtual host by hostname, most specific first. */
function inOrder(byHostname: readonly RoutesOfHostname[]): readonly Route[] {
  const all: Route[] = [];
  const names = new Set<string>();
  const claimed = new Set<string>();
  for (const routes of byHostname) {
    const left = routes
      .flat()
      .filter(({ route }) => !claimed.has(matchKey(route.match)))
      .toSorted(byPrecedence);
    for (const { route } of left) {
      claimed.add(matchKey(route.match));
      // An HTTPRoute may occur twice: through several hostnames, or through two Gateways on the same port.
      if (names.has(route.name)) continue;
      names.add(route.name);
      all.push(route);
    }
    if (left.some(({ route }) => takesEverything(route.match))) break;
  }
  return all;
}
