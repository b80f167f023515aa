import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { ProtocolError } from "./protocol-error.ts";

/** Parses a message from a client. Throws ProtocolError if the bytes are invalid. */
export function parseMessage<T extends DescMessage>(schema: T, bytes: Uint8Array): MessageShape<T> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new ProtocolError(`the message is not a valid ${schema.name}`, { cause });
  }
}
