import type { BodyMode } from "./exchange.ts";
import {
  ProcessingMode_BodySendMode as BodySendMode,
  ProcessingMode_HeaderSendMode as HeaderSendMode,
} from "./gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts";

/** Mode for the rest of a stream, if the gateway allows overrides. A `ProcessingMode`. */
export interface ModeOverride {
  readonly requestHeaderMode: HeaderSendMode;
  readonly responseHeaderMode: HeaderSendMode;
  readonly requestBodyMode: BodySendMode;
  readonly responseBodyMode: BodySendMode;
  readonly requestTrailerMode: HeaderSendMode;
  readonly responseTrailerMode: HeaderSendMode;
}

const { SEND, SKIP } = HeaderSendMode;

/** Requests the whole body at once, and only the headers of the answer. */
function override(requestBodyMode: BodySendMode): ModeOverride {
  return {
    requestHeaderMode: SEND,
    responseHeaderMode: SEND,
    requestBodyMode,
    responseBodyMode: BodySendMode.NONE,
    requestTrailerMode: SKIP,
    // Otherwise Envoy would end the stream at the answer's headers, and the request would no longer count as in flight.
    responseTrailerMode: SEND,
  };
}

const buffered = override(BodySendMode.BUFFERED);
const partial = override(BodySendMode.BUFFERED_PARTIAL);

/**
 * Returns the override for a filter that is configured with `mode`: a body that would not be sent completely is
 * requested as BUFFERED. Envoy does not allow an override of FULL_DUPLEX_STREAMED.
 */
export function overrideOf(mode: BodyMode): ModeOverride | undefined {
  switch (mode) {
    case "BUFFERED_PARTIAL":
      return partial;
    case "NONE":
    case "STREAMED":
    case "BUFFERED":
      return buffered;
    case "FULL_DUPLEX_STREAMED":
    case "UNKNOWN":
      return undefined;
  }
}
