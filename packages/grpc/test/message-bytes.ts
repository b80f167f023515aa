import type { Message } from "@umbra/grpc";
import { maxHeadBytes } from "@umbra/grpc/internal";

/** A message's bytes in one piece. */
export function messageBytes(message: Message): Buffer {
  if (message instanceof Uint8Array) return Buffer.from(message);
  const head = Buffer.alloc(maxHeadBytes);
  return Buffer.concat([head.subarray(message.writeHead(head, maxHeadBytes)), message.body]);
}
