/** A client violated the method's protocol. Handlers throw it to end the call with INVALID_ARGUMENT. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
