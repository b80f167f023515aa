import { type Answer, bodyAnswers, goOn, replyAnswer, routeAnswer } from "./answers.ts";
import type { BodyMode, Decision, Headers, PickExchange } from "./exchange.ts";
import { ProcessingMode_BodySendMode as BodySendMode } from "./gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts";
import type {
  HttpBody,
  HttpHeaders,
  ProcessingRequest,
} from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import { readHeaders } from "./headers.ts";
import { ProtocolError } from "./protocol-error.ts";

export interface PickStreamOptions {
  /** A longer request body is refused. */
  readonly maxBodyBytes: number;
  /** What a client whose body is too long is told. */
  readonly tooLarge: () => Decision;
}

/** The protocol of one stream that waits for answers: messages in, encoded answers out. Knows no transport. */
export interface PickStream {
  /** Answers one message; in FULL_DUPLEX_STREAMED there may be none yet, or many. Throws ProtocolError. */
  receive(message: ProcessingRequest): readonly Answer[];
  /** True once the request was decided. */
  readonly isDecided: boolean;
}

const none: readonly Answer[] = [];

export function createPickStream(
  exchange: PickExchange,
  { maxBodyBytes, tooLarge }: PickStreamOptions,
): PickStream {
  let mode: BodyMode = "UNKNOWN";
  let responseMode: BodySendMode = BodySendMode.NONE;
  let headers: Headers | undefined;
  let decision: Decision | undefined;
  let chunks: Uint8Array[] = [];
  let bodyBytes = 0;

  function requestHeaders(message: ProcessingRequest, value: HttpHeaders): readonly Answer[] {
    if (headers !== undefined) throw new ProtocolError("request headers came twice");
    headers = readHeaders(value.headers);
    const { endOfStream } = value;
    const early = exchange.onHeaders?.(headers, {
      endOfStream,
      bodyMode: mode,
      metadata: message.metadataContext?.filterMetadata ?? {},
    });
    if (early !== undefined) return [decided("requestHeaders", early)];
    if (endOfStream || mode === "NONE" || mode === "STREAMED") {
      const info = { bodyIsComplete: endOfStream };
      return [decided("requestHeaders", exchange.decide(headers, undefined, info))];
    }
    return mode === "FULL_DUPLEX_STREAMED" ? none : [goOn("requestHeaders")];
  }

  function decided(phase: "requestHeaders" | "requestBody", made: Decision): Answer {
    decision = made;
    return made.kind === "reply" ? replyAnswer(made) : routeAnswer(phase, made);
  }

  function requestBody({ body, endOfStream }: HttpBody): readonly Answer[] {
    if (headers === undefined) throw new ProtocolError("a request body came before the headers");
    if (decision !== undefined) {
      return mode === "FULL_DUPLEX_STREAMED"
        ? bodyAnswers("requestBody", body, endOfStream)
        : [goOn("requestBody")];
    }
    bodyBytes += body.length;
    if (bodyBytes > maxBodyBytes) {
      chunks = [];
      return [decided("requestBody", tooLarge())];
    }
    if (mode === "FULL_DUPLEX_STREAMED") {
      chunks.push(body);
      return endOfStream ? wholeBody(headers, true) : none;
    }
    const info = { bodyIsComplete: mode !== "BUFFERED_PARTIAL" || endOfStream };
    return [decided("requestBody", exchange.decide(headers, body, info))];
  }

  /** Says all that FULL_DUPLEX_STREAMED has held back: the headers' answer and the body. */
  function wholeBody(from: Headers, endOfStream: boolean): readonly Answer[] {
    const [first] = chunks;
    const received = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
    chunks = [];
    const made = exchange.decide(from, received, { bodyIsComplete: true });
    const answer = decided("requestHeaders", made);
    if (made.kind === "reply") return [answer];
    return [answer, ...bodyAnswers("requestBody", made.body ?? received, endOfStream)];
  }

  function requestTrailers(): readonly Answer[] {
    if (headers === undefined) throw new ProtocolError("request trailers came before the headers");
    if (decision !== undefined || mode !== "FULL_DUPLEX_STREAMED") return [goOn("requestTrailers")];
    const answers = wholeBody(headers, false);
    // A reply stands alone; a route has the body's pieces behind it.
    return answers.length > 1 ? [...answers, goOn("requestTrailers")] : answers;
  }

  return {
    get isDecided() {
      return decision !== undefined;
    },
    receive(message) {
      // Envoy may have sent more before our reply reached it.
      if (decision?.kind === "reply") return none;
      if (message.protocolConfig !== undefined) {
        mode = bodyModes[message.protocolConfig.requestBodyMode] ?? "UNKNOWN";
        responseMode = message.protocolConfig.responseBodyMode;
      }
      const { request } = message;
      switch (request.case) {
        case "requestHeaders":
          return requestHeaders(message, request.value);
        case "requestBody":
          return requestBody(request.value);
        case "requestTrailers":
          return requestTrailers();
        case "responseHeaders":
        case "responseTrailers":
          return [goOn(request.case)];
        case "responseBody": {
          const { body, endOfStream } = request.value;
          return responseMode === BodySendMode.FULL_DUPLEX_STREAMED
            ? bodyAnswers("responseBody", body, endOfStream)
            : [goOn("responseBody")];
        }
        case undefined:
          throw new ProtocolError("the message holds nothing that is known here");
      }
    },
  };
}

const bodyModes: Readonly<Partial<Record<BodySendMode, BodyMode>>> = {
  [BodySendMode.NONE]: "NONE",
  [BodySendMode.STREAMED]: "STREAMED",
  [BodySendMode.BUFFERED]: "BUFFERED",
  [BodySendMode.BUFFERED_PARTIAL]: "BUFFERED_PARTIAL",
  [BodySendMode.FULL_DUPLEX_STREAMED]: "FULL_DUPLEX_STREAMED",
};
