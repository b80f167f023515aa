import { type Endpoint, hasAdapterRoom, holdsAdapter } from "../model/endpoint.ts";
import { queueLength } from "../model/load.ts";
import type { Filter } from "../plugin.ts";

export interface LoraAffinityOptions {
  /**
   * Waiting requests from which affinity to an endpoint is ignored. When absent, half of the endpoint's seats, but at
   * most 128: `queueingThresholdLoRA` of the Gateway API Inference Extension's first scheduler (v0.2), half of vLLM's
   * default seats.
   */
  readonly queueThreshold?: number;
  /**
   * Probability of keeping only the holders although other endpoints have room, 0 to 1; 0.999 when absent, as
   * `loraAffinityThreshold` of that scheduler. Below 1, an adapter occasionally spreads before its holders are
   * saturated.
   */
  readonly affinityProbability?: number;
}

/**
 * Keeps the endpoints that hold the request's LoRA adapter; if there are none, those with room for one more.
 *
 * Has no effect for base models and for adapters that fit on no endpoint. Affinity is given up if every holder has a
 * long queue, because loading an adapter takes less time than waiting for half a batch.
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

/** Keeps the endpoints that can serve the request's adapter without evicting another. */
export const adapterRoomFilter: Filter = {
  name: "adapter-room",
  narrow: ({ adapter }, endpoints) =>
    adapter === undefined
      ? endpoints
      : endpoints.filter((endpoint) => holdsAdapter(endpoint, adapter) || hasAdapterRoom(endpoint)),
};
