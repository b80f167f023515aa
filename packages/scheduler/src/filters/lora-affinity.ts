import { type Endpoint, hasAdapterRoom, holdsAdapter } from "../model/endpoint.ts";
import { queueLength } from "../model/load.ts";
import type { Filter } from "../plugin.ts";

export interface LoraAffinityOptions {
  /**
   * Waiting requests from which an endpoint loses its affinity. When absent half of the endpoint's seats, and at most
   * 128, `queueingThresholdLoRA` of the Gateway API Inference Extension's first scheduler (v0.2): half of vLLM's
   * default seats.
   */
  readonly queueThreshold?: number;
  /**
   * How often the holders are kept where others have room, 0 to 1; 0.999 when absent, `loraAffinityThreshold` of
   * that scheduler: now and then an adapter spreads, before its holders are full.
   */
  readonly affinityProbability?: number;
}

/**
 * Keeps the endpoints that hold the request's LoRA adapter; where none does, those with room for one more.
 *
 * A request for a base model passes untouched, and so does one whose adapter fits nowhere. Affinity yields where
 * every holder has a long queue: loading an adapter takes less than waiting behind half a batch.
 */
export function loraAffinityFilter(options: LoraAffinityOptions = {}): Filter {
  const { queueThreshold, affinityProbability = 0.999 } = options;
  return {
    name: "lora-affinity",
    narrow({ adapter }, endpoints, context) {
      if (adapter === undefined) return endpoints;
      const holders: Endpoint[] = [];
      const roomy: Endpoint[] = [];
      for (const endpoint of endpoints) {
        if (queueLength(endpoint) >= (queueThreshold ?? halfOfSeats(endpoint))) continue;
        if (holdsAdapter(endpoint, adapter)) holders.push(endpoint);
        else if (hasAdapterRoom(endpoint)) roomy.push(endpoint);
      }
      if (holders.length === 0) return roomy;
      return roomy.length === 0 || context.random() < affinityProbability ? holders : roomy;
    },
  };
}

const mostWaiting = 128;

function halfOfSeats({ seats }: Endpoint): number {
  return seats === undefined ? mostWaiting : Math.min(mostWaiting, Math.max(1, seats / 2));
}

/** Keeps the endpoints that can serve the request's adapter without throwing out another. */
export const adapterRoomFilter: Filter = {
  name: "adapter-room",
  narrow: ({ adapter }, endpoints) =>
    adapter === undefined
      ? endpoints
      : endpoints.filter((endpoint) => holdsAdapter(endpoint, adapter) || hasAdapterRoom(endpoint)),
};
