import type { StandingRoute } from "@umbra/ext-proc";

/** Cache of the routes to endpoints and their fallbacks. */
export interface Destinations {
  /** @param count number of fallbacks to include */
  routeTo(endpoint: string, fallbacks: readonly string[], count: number): StandingRoute;
}

/** Maximum cached routes; above it, the cache is cleared. 16 endpoints with two fallbacks give 3,360. */
const maxRoutes = 16_384;

interface Branch {
  route: StandingRoute | undefined;
  /** Usually absent: the last fallback has no next one. */
  next: Map<string, Branch> | undefined;
}

/** @param say creates the route from the list of endpoints, in the gateway's form */
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
