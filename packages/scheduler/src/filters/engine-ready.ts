import type { Filter } from "../plugin.ts";

/**
 * Drops endpoints whose server says that it is asleep, loading or draining: they look idle and answer late or not at
 * all. Where all are, it drops none.
 */
export const engineReadyFilter: Filter = {
  name: "engine-ready",
  narrow(_request, endpoints) {
    // Nearly always all are: a loop without calls or allocations.
    for (const { isReady } of endpoints) {
      if (!isReady) return endpoints.filter((endpoint) => endpoint.isReady);
    }
    return endpoints;
  },
};
