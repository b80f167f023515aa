import type { RequestMessage } from "./codec/request-message.ts";
import type { ObserveExchange } from "./exchange.ts";

/** Protocol of one stream of copies, independent of the transport. */
export interface ObserveStream {
  /** Handles one message. Returns true if no more messages are needed or expected; the server then ends the stream. */
  receive(message: RequestMessage): boolean;
  /** True once the whole answer was seen. */
  isComplete(): boolean;
}

export function createObserveStream(exchange: ObserveExchange): ObserveStream {
  let isComplete = false;

  return {
    isComplete: () => isComplete,
    receive(message) {
      const { endOfStream } = message;
      switch (message.part) {
        case "requestHeaders":
          if (exchange.onRequestHeaders?.(message.headers, endOfStream) === "end")
            isComplete = true;
          break;
        case "requestBody":
          exchange.onRequestBody?.(message.body, endOfStream);
          break;
        case "responseHeaders":
          exchange.onResponseHeaders?.(message.headers, message.attributes, endOfStream);
          isComplete = endOfStream;
          break;
        case "responseBody":
          isComplete =
            exchange.onResponseBody?.(message.body, endOfStream) === "end" || endOfStream;
          break;
        case "responseTrailers":
          exchange.onResponseTrailers?.(message.headers);
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
