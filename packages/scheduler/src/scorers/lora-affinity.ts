import { hasAdapterRoom, holdsAdapter } from "../model/endpoint.ts";
import { defineScorer, type Scorer } from "../plugin.ts";

/**
 * Scores 1 where the request's adapter is held, 0.8 where one more fits, 0 elsewhere: the steps of the reference
 * endpoint picker's `lora-affinity-scorer`. For a base model every endpoint scores 1.
 */
export const loraAffinityScorer: Scorer = defineScorer({
  name: "lora-affinity",
  rate({ adapter }, endpoint) {
    if (adapter === undefined || holdsAdapter(endpoint, adapter)) return 1;
    return hasAdapterRoom(endpoint) ? 0.8 : 0;
  },
});
