import type { MessageRoom } from "@umbra/grpc";
import type { Decision } from "./exchange.ts";

/** Memory limit for undecided requests of all streams of a server: incoming messages, headers and bodies. */
export interface HeldBudget extends MessageRoom {
  /** Default answer to a request for which there is no room. */
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
