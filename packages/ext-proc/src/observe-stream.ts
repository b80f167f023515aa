import type { ObserveExchange } from "./exchange.ts";
import type { ProcessingRequest } from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import { readHeaders } from "./headers.ts";

/** The protocol of one stream of copies. Knows no transport. */
export interface ObserveStream {
  /** Returns true when nothing more is wanted, or nothing more comes: the server then ends the stream. */
  receive(message: ProcessingRequest): boolean;
  /** True once the whole answer was seen. */
  readonly isComplete: boolean;
}

export function createObserveStream(exchange: ObserveExchange): ObserveStream {
  let isComplete = false;

  return {
    get isComplete() {
      return isComplete;
    },
    receive({ request, attributes }) {
      switch (request.case) {
        case "requestHeaders": {
          const { headers, endOfStream } = request.value;
          const answer = exchange.onRequestHeaders?.(readHeaders(headers), endOfStream);
          if (answer === "end") isComplete = true;
          break;
        }
        case "requestBody":
          exchange.onRequestBody?.(request.value.body, request.value.endOfStream);
          break;
        case "responseHeaders": {
          const { headers, endOfStream } = request.value;
          exchange.onResponseHeaders?.(
            readHeaders(headers),
            readAttributes(attributes),
            endOfStream,
          );
          isComplete = endOfStream;
          break;
        }
        case "responseBody":
          exchange.onResponseBody?.(request.value.body, request.value.endOfStream);
          isComplete = request.value.endOfStream;
          break;
        case "responseTrailers":
          exchange.onResponseTrailers?.(readHeaders(request.value.trailers));
          isComplete = true;
          break;
        case "requestTrailers":
        case undefined:
          break;
      }
      return isComplete;
    },
  };
}

/** Attributes come as a struct for each filter; what they say is text to us. */
function readAttributes(attributes: ProcessingRequest["attributes"]): ReadonlyMap<string, string> {
  const read = new Map<string, string>();
  for (const struct of Object.values(attributes)) {
    for (const [name, value] of Object.entries(struct)) {
      if (typeof value === "string" || typeof value === "number") read.set(name, String(value));
    }
  }
  return read;
}
