/** A client has sent what the method's protocol rules out. Thrown by handlers, to end the call with INVALID_ARGUMENT. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
