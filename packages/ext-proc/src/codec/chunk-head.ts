import { wireType } from "./wire.ts";

/** `ProcessingResponse.request_body` and `response_body`. */
const phaseField = { requestBody: 3, responseBody: 4 } as const;
/** From the inside out: `StreamedBodyResponse.body`, `BodyMutation.streamed_response`, `CommonResponse.body_mutation`, `BodyResponse.response`. */
const bytesFields: readonly number[] = [1, 3, 3, 1];
/** `StreamedBodyResponse.end_of_stream`. */
const endOfStreamField = 2;

export type ChunkPhase = keyof typeof phaseField;

/**
 * Writes a ProcessingResponse that returns a piece of a body, up to but without the piece, so that it ends before
 * `end`. Returns its start. Written by hand because the generated code would copy the piece. Protobuf allows any order
 * of fields, so the piece can be last. It takes at most 32 bytes, which is gRPC's `maxHeadBytes`: five tags with
 * lengths of up to five bytes, and `end_of_stream`.
 */
export function writeChunkHead(
  into: Uint8Array,
  end: number,
  phase: ChunkPhase,
  bodyBytes: number,
  endOfStream: boolean,
): number {
  // Written backwards, because each length includes what follows it.
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

/** Writes tag and length so that they end before `end`. Returns their start. */
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
