import { wireType } from "./wire.ts";

/** `ProcessingResponse.request_body` and `response_body`. */
const phaseField = { requestBody: 3, responseBody: 4 } as const;
/** From the inside out: `StreamedBodyResponse.body`, `BodyMutation.streamed_response`, `CommonResponse.body_mutation`, `BodyResponse.response`. */
const bytesFields: readonly number[] = [1, 3, 3, 1];
/** `StreamedBodyResponse.end_of_stream`. */
const endOfStreamField = 2;

export type ChunkPhase = keyof typeof phaseField;

/**
 * Writes all of a ProcessingResponse that sends a piece of a body back, up to the piece itself, so that it ends before
 * `end`; returns where it begins. Written by hand, since the generated code would copy the piece. Protobuf lets fields
 * stand in any order, so the piece can come last. It takes 32 bytes at most, which is gRPC's `maxHeadBytes`: five tags
 * with lengths of up to five bytes, and `end_of_stream`.
 */
export function writeChunkHead(
  into: Uint8Array,
  end: number,
  phase: ChunkPhase,
  bodyBytes: number,
  endOfStream: boolean,
): number {
  // From the end to the beginning, since each length counts what is behind it.
  let at = end;
  let isFirst = true;
  for (const number of bytesFields) {
    at = writeField(into, at, number, bodyBytes + end - at);
    if (isFirst && endOfStream) {
      into[--at] = 1;
      into[--at] = endOfStreamField << 3;
    }
    isFirst = false;
  }
  return writeField(into, at, phaseField[phase], bodyBytes + end - at);
}

/** Writes tag and length so that they end before `end`; returns where they begin. */
function writeField(into: Uint8Array, end: number, number: number, length: number): number {
  let size = 1;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) size++;
  let at = end - size;
  let rest = length;
  while (rest > 127) {
    into[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  into[at] = rest;
  into[end - size - 1] = (number << 3) | wireType.bytes;
  return end - size - 1;
}
