import type { MessageRoom } from "./message-reader.ts";

/** Room for messages up to a limit that may change. */
export interface LimitedRoom extends MessageRoom {
  /** Sets the limit; what is reserved already stays. */
  setLimit(bytes: number): void;
}

/** Creates a room that several connections can share. */
export function createMessageRoom(limitBytes: number): LimitedRoom {
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
  };
}
