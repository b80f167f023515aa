import type { MessageRoom } from "@umbra/grpc";
import type { Decision } from "./exchange.ts";

/** Bounds what requests take together that are not decided on: messages that come, headers and bodies, of all streams of a server. */
export interface HeldBudget extends MessageRoom {
  /** What a client is told for whose request there is no room, where the exchange says nothing. */
  refusal(): Decision;
}

export function createHeldBudget(limitBytes: number, refusal: () => Decision): HeldBudget {
  let left = limitBytes;
  return {
    take(bytes) {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    giveBack(bytes) {
      left += bytes;
    },
    refusal,
  };
}
