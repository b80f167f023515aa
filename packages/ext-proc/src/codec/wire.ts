import { ProtocolError } from "@umbra/grpc";

/** Protobuf's wire format, as far as our three hot messages need it. Positions are in bytes; every read is bounded. */
export interface WireReader {
  readonly bytes: Uint8Array;
  /** Where the next read begins. */
  at: number;
}

/** Wire types; groups (3 and 4) are in no message of ours. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Reads a varint as its lower 32 bits, which hold every tag, length, bool and enum. */
export function readVarint(reader: WireReader): number {
  const { bytes } = reader;
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[reader.at++];
    if (byte === undefined) throw new ProtocolError("the message ends within a number");
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new ProtocolError("the message holds a number that is too long");
}

/** Reads the length of what follows; returns where it ends, and stands at its beginning. */
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
      throw new ProtocolError("the message holds a field of a type that is not known");
  }
  if (reader.at > end) throw new ProtocolError("the message ends within a field");
}
