import { ProtocolError } from "@umbra/grpc";

/**
 * Reads Protobuf's wire format, as far as the three messages on the hot path need it. Positions are in bytes, and every
 * read is bounded.
 */
export interface WireReader {
  readonly bytes: Uint8Array;
  /** Offset of the next read. */
  at: number;
}

/** Wire types. Groups (3 and 4) are not used. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Reads the lower 32 bits of a varint, which are enough for tags, lengths, bools and enums. */
export function readVarint(reader: WireReader): number {
  const { bytes } = reader;
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[reader.at++];
    if (byte === undefined) throw new ProtocolError("the message ends within a number");
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new ProtocolError("the message has a number that is too long");
}

/** Reads a length and moves to the start of its field. Returns the end of the field. */
export function readLength(reader: WireReader, end: number): number {
  const length = readVarint(reader);
  if (length > end - reader.at) throw new ProtocolError("the message ends within a field");
  return reader.at + length;
}

/** Skips a field whose tag has been read. */
export function skip(reader: WireReader, type: number, end: number): void {
  switch (type) {
    case wireType.varint:
      readVarint(reader);
      break;
    case wireType.fixed64:
      reader.at += 8;
      break;
    case wireType.bytes:
      reader.at = readLength(reader, end);
      break;
    case wireType.fixed32:
      reader.at += 4;
      break;
    default:
      throw new ProtocolError("the message has a field of an unknown type");
  }
  if (reader.at > end) throw new ProtocolError("the message ends within a field");
}
