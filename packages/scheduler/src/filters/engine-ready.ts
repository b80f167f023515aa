import { isReady } from "../model/load.ts";
import type { Filter } from "../plugin.ts";

/**
 * Drops endpoints whose engine says that it is asleep, loading or draining: they look idle and answer late or not at
 * all. Where all are, it drops none.
 */
export const engineReadyFilter: Filter = {
  name: "engine-ready",
  narrow(_request, endpoints) {
    // Nearly always all are ready: nothing is called or allocated for it.
    for (const endpoint of endpoints) if (!isReady(endpoint)) return endpoints.filter(isReady);
    return endpoints;
  },
};
