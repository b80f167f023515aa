import type { Filter } from "../plugin.ts";

/** Drops endpoints that are ejected for errors in a row, or avoided for their share of errors; where all are, none. */
export const circuitBrokenFilter: Filter = {
  name: "circuit-broken",
  narrow(_request, endpoints) {
    // Nearly always none is: a loop without calls or allocations.
    for (const { isEjected, isAvoided } of endpoints) {
      if (isEjected || isAvoided) {
        return endpoints.filter((endpoint) => !endpoint.isEjected && !endpoint.isAvoided);
      }
    }
    return endpoints;
  },
};
