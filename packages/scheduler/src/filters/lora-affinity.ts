import { hasAdapterRoom, holdsAdapter, queueLength } from "../model/endpoint.ts";
import type { Filter } from "../plugin.ts";

export interface LoraAffinityOptions {
  /**
   * Waiting requests from which an endpoint loses its affinity. 128 is `queueingThresholdLoRA` of the Gateway API
   * Inference Extension's first scheduler (v0.2).
   */
  readonly queueThreshold?: number;
}

/**
 * Keeps the endpoints that hold the request's LoRA adapter; where none does, those with room for one more.
 *
 * A request for a base model passes untouched, and so does one whose adapter fits nowhere. Affinity yields where
 * every holder has a long queue: loading an adapter takes less than waiting behind 128 requests.
 */
export function loraAffinityFilter({ queueThreshold = 128 }: LoraAffinityOptions = {}): Filter {
  return ({ adapter }, endpoints) => {
    if (adapter === undefined) return endpoints;
    const ready = endpoints.filter((endpoint) => queueLength(endpoint) < queueThreshold);
    const holders = ready.filter((endpoint) => holdsAdapter(endpoint, adapter));
    if (holders.length > 0) return holders;
    const roomy = ready.filter(hasAdapterRoom);
    return roomy.length > 0 ? roomy : endpoints;
  };
}
