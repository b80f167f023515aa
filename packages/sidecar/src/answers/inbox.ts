import type { Lane } from "@umbra/shadow";
import { createRingMemory } from "./byte-ring.ts";

/** Memory shared by the picking thread and the thread that reads answers. */
export interface Inbox {
  /** `InboxState`, the number of turns of the reading thread, and the places for texts on their way to a judge. */
  readonly control: SharedArrayBuffer;
  /** One ring per lane, so that a flooding shadow takes no room from the primary. */
  readonly rings: Readonly<Record<Lane, SharedArrayBuffer>>;
}

/** State of the reading thread: working, napping for some ms, asleep until woken, or asked to end. */
export const inboxState = { awake: 0, napping: 1, asleep: 2, closed: 3 } as const;

export const stateWord = 0;
export const turnsWord = 1;
export const judgePlacesWord = 2;

/** Maximum concurrent legs of one lane. The ring reserves room for the end of each. */
export const maxLegs = 8_192;

const mebibyte = 1024 * 1024;

export function createInbox(): Inbox {
  return {
    control: new SharedArrayBuffer(12),
    rings: { primary: createRingMemory(8 * mebibyte), shadow: createRingMemory(4 * mebibyte) },
  };
}
