import type { VirtualHost } from "../topology.ts";
import type { RankedRoute } from "./precedence.ts";

/** The routes of a hostname: a list for each HTTPRoute. */
export type RoutesOfHostname = readonly (readonly RankedRoute[])[];

/** Virtual hosts as they were built before. */
export interface KnownHosts {
  /** A new resolution begins: what the one before did not use is removed. */
  begin(): void;
  /** Returns the virtual hosts of a listener: for each domain the one before if it has the same routes, else a new one. */
  hosts(
    listener: string,
    domains: readonly string[],
    routesOf: (domain: string) => readonly RoutesOfHostname[],
  ): readonly VirtualHost[];
}

export type BuildHost = (
  listener: string,
  domain: string,
  routes: readonly RoutesOfHostname[],
) => VirtualHost;

interface KnownHost {
  readonly routes: readonly RoutesOfHostname[];
  readonly host: VirtualHost;
}

type ByListener = Map<string, ReadonlyMap<string, KnownHost>>;

export function createKnownHosts(build: BuildHost): KnownHosts {
  let [before, now]: [ByListener, ByListener] = [new Map(), new Map()];
  return {
    begin() {
      [before, now] = [now, new Map()];
    },
    hosts(listener, domains, routesOf) {
      const held = before.get(listener);
      const made = domains.map((domain): readonly [string, KnownHost] => {
        const routes = routesOf(domain);
        const known = held?.get(domain);
        if (known !== undefined && isSame(known.routes, routes)) return [domain, known];
        return [domain, { routes, host: build(listener, domain, routes) }];
      });
      now.set(listener, new Map(made));
      return made.map(([, { host }]) => host);
    },
  };
}

function isSame(before: readonly RoutesOfHostname[], after: readonly RoutesOfHostname[]): boolean {
  return (
    before.length === after.length &&
    before.every((each, at) => {
      const next = after[at];
      return each.length === next?.length && each.every((routes, index) => routes === next[index]);
    })
  );
}
