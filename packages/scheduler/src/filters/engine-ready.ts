import type { Filter } from "../plugin.ts";

/**
 * Drops endpoints whose server reports that it is asleep, loading or draining, unless that is all of them. Such
 * endpoints seem idle but answer late or not at all.
 */
export const engineReadyFilter: Filter = {
  name: "engine-ready",
  narrow(_request, endpoints) {
    // Almost always nothing is dropped, so this loop makes no calls or allocations.
    for (const { isReady } of endpoints) {
      if (!isReady) return endpoints.filter((endpoint) => endpoint.isReady);
    }
    return endpoints;
  },
};
