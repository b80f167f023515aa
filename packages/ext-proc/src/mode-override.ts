import type { BodyMode } from "./exchange.ts";
import {
  ProcessingMode_BodySendMode as BodySendMode,
  ProcessingMode_HeaderSendMode as HeaderSendMode,
} from "./gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts";

/** How the rest of a stream is to come, where the gateway lets the picker say. A `ProcessingMode`. */
export interface ModeOverride {
  readonly requestHeaderMode: HeaderSendMode;
  readonly responseHeaderMode: HeaderSendMode;
  readonly requestBodyMode: BodySendMode;
  readonly responseBodyMode: BodySendMode;
  readonly requestTrailerMode: HeaderSendMode;
  readonly responseTrailerMode: HeaderSendMode;
}

const { SEND, SKIP } = HeaderSendMode;

/** The request's body whole and once; of the answer the headers alone. */
function override(requestBodyMode: BodySendMode): ModeOverride {
  return {
    requestHeaderMode: SEND,
    responseHeaderMode: SEND,
    requestBodyMode,
    responseBodyMode: BodySendMode.NONE,
    requestTrailerMode: SKIP,
    // Without it Envoy ends the stream with the answer's headers, and so the request's time in flight.
    responseTrailerMode: SEND,
  };
}

const buffered = override(BodySendMode.BUFFERED);
const partial = override(BodySendMode.BUFFERED_PARTIAL);

/**
 * What to ask for, of a filter that is configured with `mode`: a body that it would not send whole comes BUFFERED.
 * Envoy takes no override of FULL_DUPLEX_STREAMED.
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
