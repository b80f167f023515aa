import type { HeadedMessage } from "@umbra/grpc";
import type { Kind } from "./kind.ts";
import type { Answer } from "./session.ts";
import { versionOf } from "./snapshot.ts";

/** All of an answer except what differs from client to client. */
export interface SharedBody {
  readonly body: Uint8Array;
  /** Of its resources. */
  readonly version: string;
}

/**
 * The newest body of each kind: many clients that connect at once, or that get the same change, share its bytes.
 *
 * @param encode makes the body of an answer
 */
export function createSharedBodies(
  encode: (answer: Answer) => Uint8Array,
): (answer: Answer) => SharedBody {
  const held = new Map<Kind, SharedBody & { readonly removed: string }>();
  return (answer) => {
    const version = versionOf(answer.resources);
    const removed = JSON.stringify(answer.removed);
    const newest = held.get(answer.kind);
    if (newest?.version === version && newest.removed === removed) return newest;
    const made = { body: encode(answer), version, removed };
    held.set(answer.kind, made);
    return made;
  };
}

/** A message whose head is a client's own. */
export function headed(head: Uint8Array, body: Uint8Array): HeadedMessage {
  return {
    body,
    writeHead(into, end) {
      into.set(head, end - head.length);
      return end - head.length;
    },
  };
}
