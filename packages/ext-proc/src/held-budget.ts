import { createMessageRoom, type LimitedRoom } from "@umbra/grpc";
import type { Decision } from "./exchange.ts";

/** Memory limit for undecided requests of all streams of a server: incoming messages, headers and bodies. */
export interface HeldBudget extends LimitedRoom {
  /** Default answer to a request for which there is no room. */
  refusal(): Decision;
}

export function createHeldBudget(limitBytes: number, refusal: () => Decision): HeldBudget {
  return { ...createMessageRoom(limitBytes), refusal };
}
