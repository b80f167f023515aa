import { prefixBytes } from "./message-reader.ts";
import { type Message, maxHeadBytes } from "./method.ts";

/** Pieces up to this size are copied into one write; larger ones are written as they are. */
const copiedBytes = 4_096;

/** Scratch space for a message's head. */
const headSpace = Buffer.allocUnsafeSlow(maxHeadBytes);

/** Adds messages with their prefixes: small ones copied into one buffer, large bodies without a copy. */
export function frameMessages(messages: readonly Message[], into: Uint8Array[]): void {
  let from = 0;
  let room = 0;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i] as Message;
    if (message instanceof Uint8Array) {
      room += prefixBytes + message.length;
      continue;
    }
    const isSmall = message.body.length <= copiedBytes;
    room += prefixBytes + maxHeadBytes + (isSmall ? message.body.length : 0);
    if (isSmall) continue;
    into.push(written(messages, from, i + 1, room), message.body);
    from = i + 1;
    room = 0;
  }
  if (room > 0) into.push(written(messages, from, messages.length, room));
}

/** Writes messages into one buffer of at most `room` bytes, without the last one's body if it is large. */
function written(messages: readonly Message[], from: number, to: number, room: number): Buffer {
  const piece = Buffer.allocUnsafe(room);
  let at = 0;
  for (let i = from; i < to; i++) {
    const message = messages[i] as Message;
    if (message instanceof Uint8Array) {
      at = writePrefix(piece, at, message.length);
      piece.set(message, at);
      at += message.length;
      continue;
    }
    const { body } = message;
    const start = message.writeHead(headSpace, maxHeadBytes);
    at = writePrefix(piece, at, maxHeadBytes - start + body.length);
    for (let i = start; i < maxHeadBytes; i++) piece[at++] = headSpace[i] as number;
    if (body.length > copiedBytes) continue;
    piece.set(body, at);
    at += body.length;
  }
  return at === room ? piece : piece.subarray(0, at);
}

function writePrefix(into: Buffer, at: number, length: number): number {
  into[at] = 0;
  into[at + 1] = length >>> 24;
  into[at + 2] = length >>> 16;
  into[at + 3] = length >>> 8;
  into[at + 4] = length;
  return at + prefixBytes;
}
