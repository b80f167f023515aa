import { hasAdapterRoom, holdsAdapter } from "../model/endpoint.ts";
import { defineScorer, type Scorer } from "../plugin.ts";

/**
 * Scores 1 for an endpoint that holds the request's adapter, 0.8 if one more adapter fits, 0 otherwise, as the
 * reference endpoint picker's `lora-affinity-scorer`. For a base model every endpoint scores 1.
 */
export const loraAffinityScorer: Scorer = defineScorer({
  name: "lora-affinity",
  rate({ adapter }, endpoint) {
    if (adapter === undefined || holdsAdapter(endpoint, adapter)) return 1;
    return hasAdapterRoom(endpoint) ? 0.8 : 0;
  },
});
