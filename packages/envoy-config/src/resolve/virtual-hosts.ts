import type { Route, VirtualHost } from "../topology.ts";
import { bySpecificity, intersectHostnames, wider } from "./hostnames.ts";
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

/** Routes by the hostname of their HTTPRoute; `*` if it has none. */
type ByHostname = ReadonlyMap<string, readonly KeyedRoute[]>;

interface KeyedRoute extends RankedRoute {
  readonly key: string;
}

/**
 * Builds the virtual hosts of one port. A request belongs only to the listener with the most specific hostname. There,
 * rules of HTTPRoutes with a more specific hostname come before rules with a wider one. Envoy never continues in
 * another virtual host, so each virtual host contains all of these rules except unreachable ones.
 */
export function virtualHosts(
  name: string,
  listeners: readonly HostedRoutes[],
): readonly VirtualHost[] {
  const byListener = Map.groupBy(listeners, ({ hostname }) => hostname);
  const attached = new Set<string>();
  const hosts = [...byListener].flatMap(([listener, own]) => {
    const routes = routesByHostname(own);
    const domains = [...routes.keys()]
      .flatMap((hostname) => intersectHostnames(listener, [hostname]))
      .filter((domain) => ownerOf(domain, byListener) === listener);
    for (const domain of domains) attached.add(domain);
    return [...new Set([listener, ...domains])].map((domain) => ({
      domain,
      routes: inOrder(domain, routes),
    }));
  });
  return (
    hosts
      // A listener without routes still keeps its requests from those with a wider hostname.
      .filter(({ domain }) => wider(domain).some((each) => attached.has(each)))
      .toSorted((a, b) => bySpecificity(a.domain, b.domain))
      .map(({ domain, routes }) => ({ name: `${name}/${domain}`, domains: [domain], routes }))
  );
}

/** Returns the hostname of the listener that gets requests for `domain`, among all hostnames of one port. */
export function ownerOf(
  domain: string,
  listeners: Pick<ReadonlySet<string>, "has">,
): string | undefined {
  return wider(domain).find((each) => listeners.has(each));
}

function routesByHostname(listeners: readonly HostedRoutes[]): ByHostname {
  const all = new Map<string, KeyedRoute[]>();
  for (const { hostnames, routes } of listeners.flatMap(({ attached }) => attached)) {
    const keyed = routes.map((each) => ({ ...each, key: matchKey(each.route.match) }));
    for (const hostname of hostnames.length > 0 ? hostnames : ["*"]) {
      const known = all.get(hostname);
      if (known === undefined) all.set(hostname, [...keyed]);
      else known.push(...keyed);
    }
  }
  return all;
}

/** Sorts the routes of a virtual host by hostname, most specific first. */
function inOrder(domain: string, byHostname: ByHostname): readonly Route[] {
  const all: Route[] = [];
  const names = new Set<string>();
  const claimed = new Set<string>();
  for (const hostname of wider(domain)) {
    const left = (byHostname.get(hostname) ?? [])
      .filter(({ key }) => !claimed.has(key))
      .toSorted(byPrecedence);
    for (const { route, key } of left) {
      claimed.add(key);
      // An HTTPRoute may occur twice: through several hostnames, or through two Gateways on the same port.
      if (names.has(route.name)) continue;
      names.add(route.name);
      all.push(route);
    }
    if (left.some(({ route }) => takesEverything(route.match))) break;
  }
  return all;
}
