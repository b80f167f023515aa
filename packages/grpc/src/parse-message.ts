import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { ProtocolError } from "./protocol-error.ts";

/** Reads a message that a client has sent. Throws ProtocolError where the bytes are none. */
export function parseMessage<T extends DescMessage>(schema: T, bytes: Uint8Array): MessageShape<T> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new ProtocolError(`the message is no ${schema.name}`, { cause });
  }
}
