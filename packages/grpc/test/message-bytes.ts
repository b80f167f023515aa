import { type Message, maxHeadBytes } from "@umbra/grpc";

/** A message's bytes in one piece. */
export function messageBytes(message: Message): Buffer {
  if (message instanceof Uint8Array) return Buffer.from(message);
  const head = Buffer.alloc(maxHeadBytes);
  return Buffer.concat([head.subarray(message.writeHead(head, maxHeadBytes)), message.body]);
}
