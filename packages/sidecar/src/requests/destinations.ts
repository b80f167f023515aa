import type { StandingRoute } from "@umbra/ext-proc";

/** The routes to endpoints and their fallbacks, each made once. */
export interface Destinations {
  /** @param count so many of the fallbacks are told */
  routeTo(endpoint: string, fallbacks: readonly string[], count: number): StandingRoute;
}

/** Routes kept; then all are forgotten. 16 endpoints with two fallbacks are 3,360. */
const maxRoutes = 16_384;

interface Branch {
  route: StandingRoute | undefined;
  /** Of most there is none: the last fallback has nothing behind it. */
  next: Map<string, Branch> | undefined;
}

/** @param say makes the route from the list of endpoints, as the gateway is told it */
export function createDestinations(say: (list: string) => StandingRoute): Destinations {
  let root: Branch = { route: undefined, next: undefined };
  let routes = 0;

  function branchOf(of: Branch, address: string): Branch {
    of.next ??= new Map();
    let branch = of.next.get(address);
    if (branch === undefined) {
      branch = { route: undefined, next: undefined };
      of.next.set(address, branch);
    }
    return branch;
  }

  return {
    routeTo(endpoint, fallbacks, count) {
      const told = Math.min(count, fallbacks.length);
      let branch = branchOf(root, endpoint);
      for (let i = 0; i < told; i++) branch = branchOf(branch, fallbacks[i] as string);
      if (branch.route !== undefined) return branch.route;
      if (routes >= maxRoutes) {
        root = { route: undefined, next: undefined };
        routes = 0;
      }
      routes++;
      branch.route = say([endpoint, ...fallbacks.slice(0, told)].join(","));
      return branch.route;
    },
  };
}
