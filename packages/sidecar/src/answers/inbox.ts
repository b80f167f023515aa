import type { Lane } from "@umbra/shadow";
import { createRingMemory } from "./byte-ring.ts";

/** Memory that the picking thread and the one that reads answers share. */
export interface Inbox {
  /** `InboxState`, then the count of turns that the reading thread has made. */
  readonly control: SharedArrayBuffer;
  /** A ring for each lane: a shadow that floods takes no room from the primary. */
  readonly rings: Readonly<Record<Lane, SharedArrayBuffer>>;
}

/** What the reading thread does: works, naps for some ms, sleeps until it is woken, or is to end. */
export const inboxState = { awake: 0, napping: 1, asleep: 2, closed: 3 } as const;

export const stateWord = 0;
export const turnsWord = 1;

/** Legs of one lane that are read at once: each has room for its end in the ring. */
export const maxLegs = 8_192;

const mebibyte = 1024 * 1024;

export function createInbox(): Inbox {
  return {
    control: new SharedArrayBuffer(8),
    rings: { primary: createRingMemory(8 * mebibyte), shadow: createRingMemory(4 * mebibyte) },
  };
}
