import type { Filter } from "../plugin.ts";

/**
 * Drops endpoints that are ejected for consecutive errors or avoided for their error share, unless that is all of them.
 */
export const circuitBrokenFilter: Filter = {
  name: "circuit-broken",
  narrow(_request, endpoints) {
    // Almost always nothing is dropped, so this loop makes no calls or allocations.
    for (const { isEjected, isAvoided } of endpoints) {
      if (isEjected || isAvoided) {
        return endpoints.filter((endpoint) => !endpoint.isEjected && !endpoint.isAvoided);
      }
    }
    return endpoints;
  },
};
