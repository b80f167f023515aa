import type { Decision } from "./exchange.ts";

/** Bounds what bodies that are not decided on take together, in all streams of a server. */
export interface BodyBudget {
  /** False where there is no room for so many bytes more; nothing is taken then. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
  /** What a client is told for whose body there is no room, where the exchange says nothing. */
  refusal(): Decision;
}

export function createBodyBudget(limitBytes: number, refusal: () => Decision): BodyBudget {
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
