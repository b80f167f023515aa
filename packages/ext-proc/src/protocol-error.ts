/** Envoy sent what its configuration rules out; ends the stream with INVALID_ARGUMENT. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
