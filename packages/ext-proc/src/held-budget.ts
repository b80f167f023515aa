import type { MessageRoom } from "@umbra/grpc";
import type { Decision } from "./exchange.ts";

/** Memory limit for undecided requests of all streams of a server: incoming messages, headers and bodies. */
export interface HeldBudget extends MessageRoom {
  /** Sets the limit; requests that are held already stay. */
  setLimit(bytes: number): void;
  /** Default answer to a request for which there is no room. */
  refusal(): Decision;
}

export function createHeldBudget(limitBytes: number, refusal: () => Decision): HeldBudget {
  let limit = limitBytes;
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
    setLimit(next) {
      left += next - limit;
      limit = next;
    },
    refusal,
  };
}
