import { ProtocolError } from "../protocol-error.ts";
import { type CallHandler, type Method, statusCode } from "./transport.ts";

/** A throw ends its own call and nothing else: INVALID_ARGUMENT where the client is to blame, INTERNAL otherwise. */
export function containFailures(method: Method, onError: (cause: unknown) => void): Method {
  return (call) => {
    const fail = (cause: unknown) => {
      onError(cause);
      if (cause instanceof ProtocolError) call.fail(statusCode.invalidArgument, cause.message);
      else call.fail(statusCode.internal, "the processor failed");
    };
    let handler: CallHandler | undefined;
    try {
      handler = method(call);
    } catch (cause) {
      fail(cause);
    }
    const guarded = (run: () => void) => {
      try {
        run();
      } catch (cause) {
        fail(cause);
      }
    };
    return {
      onMessage(bytes) {
        try {
          handler?.onMessage(bytes);
        } catch (cause) {
          fail(cause);
        }
      },
      onEnd: () => guarded(() => handler?.onEnd()),
      onClose: () => guarded(() => handler?.onClose()),
    };
  };
}
