import { type Answer, bodyAnswers, goOn, replyAnswer, routeAnswer, waitLonger } from "./answers.ts";
import type { RequestMessage } from "./codec/request-message.ts";
import type {
  BodyMode,
  Decision,
  Headers,
  HeadersInfo,
  PendingDecision,
  PickExchange,
} from "./exchange.ts";
import { ProcessingMode_BodySendMode as BodySendMode } from "./gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts";
import { ProtocolError } from "./protocol-error.ts";

export interface PickStreamOptions {
  /** A longer request body is refused. */
  readonly maxBodyBytes: number;
  /** What a client whose body is too long is told. */
  readonly tooLarge: () => Decision;
}

/** Takes answers that no message has called for: a decision that was pending. */
export type Send = (answers: readonly Answer[]) => void;

/** The protocol of one stream that waits for answers: messages in, encoded answers out. Knows no transport. */
export interface PickStream {
  /** Answers one message; in FULL_DUPLEX_STREAMED there may be none yet, or many. Throws ProtocolError. */
  receive(message: RequestMessage): readonly Answer[];
  /** True once the request was decided. */
  isDecided(): boolean;
}

const none: readonly Answer[] = [];

export function createPickStream(
  exchange: PickExchange,
  { maxBodyBytes, tooLarge }: PickStreamOptions,
  send: Send,
): PickStream {
  let mode: BodyMode = "UNKNOWN";
  let responseMode: BodySendMode = BodySendMode.NONE;
  let headers: Headers | undefined;
  let decision: Decision | undefined;
  let chunks: Uint8Array[] = [];
  let bodyBytes = 0;

  function requestHeaders(message: RequestMessage): readonly Answer[] {
    if (headers !== undefined) throw new ProtocolError("request headers came twice");
    headers = message.headers;
    const { endOfStream } = message;
    const early = exchange.onHeaders?.(headers, new MessageInfo(message, mode));
    if (early !== undefined) return [decided("requestHeaders", early)];
    if (endOfStream || mode === "NONE" || mode === "STREAMED") {
      const info = { bodyIsComplete: endOfStream };
      return settled(exchange.decide(headers, undefined, info), (made) => [
        decided("requestHeaders", made),
      ]);
    }
    return mode === "FULL_DUPLEX_STREAMED" ? none : [goOn("requestHeaders")];
  }

  /** Says what a decision means, now or once it is made. */
  function settled(
    made: Decision | PendingDecision,
    say: (decision: Decision) => readonly Answer[],
  ): readonly Answer[] {
    if (made.kind !== "pending") return say(made);
    let isPending = true;
    void made.decided.then((decision) => {
      isPending = false;
      send(say(decision));
    });
    // Most wait for less than a turn of the event loop, and need no more time.
    setImmediate(() => {
      if (isPending && mode !== "FULL_DUPLEX_STREAMED") send([waitLonger(made.limitMs)]);
    });
    return none;
  }

  function decided(phase: "requestHeaders" | "requestBody", made: Decision): Answer {
    decision = made;
    return made.kind === "reply" ? replyAnswer(made) : routeAnswer(phase, made);
  }

  function requestBody({ body, endOfStream }: RequestMessage): readonly Answer[] {
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
      return endOfStream ? wholeBody(headers, false) : none;
    }
    const info = { bodyIsComplete: mode !== "BUFFERED_PARTIAL" || endOfStream };
    return settled(exchange.decide(headers, body, info), (made) => [decided("requestBody", made)]);
  }

  /** Says all that FULL_DUPLEX_STREAMED has held back: the headers' answer and the body. */
  function wholeBody(from: Headers, hasTrailers: boolean): readonly Answer[] {
    const [first] = chunks;
    const received = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
    chunks = [];
    return settled(exchange.decide(from, received, { bodyIsComplete: true }), (made) => {
      const answer = decided("requestHeaders", made);
      // A reply stands alone; a route has the body's pieces behind it.
      if (made.kind === "reply") return [answer];
      const body = bodyAnswers("requestBody", made.body ?? received, !hasTrailers);
      return [answer, ...body, ...(hasTrailers ? [goOn("requestTrailers")] : [])];
    });
  }

  function requestTrailers(): readonly Answer[] {
    if (headers === undefined) throw new ProtocolError("request trailers came before the headers");
    if (decision !== undefined || mode !== "FULL_DUPLEX_STREAMED") return [goOn("requestTrailers")];
    return wholeBody(headers, true);
  }

  return {
    isDecided: () => decision !== undefined,
    receive(message) {
      // Envoy may have sent more before our reply reached it.
      if (decision?.kind === "reply") return none;
      if (message.bodyModes !== undefined) {
        mode = bodyModes[message.bodyModes.request] ?? "UNKNOWN";
        responseMode = message.bodyModes.response;
      }
      switch (message.part) {
        case "requestHeaders":
          return requestHeaders(message);
        case "requestBody":
          return requestBody(message);
        case "requestTrailers":
          return requestTrailers();
        case "responseHeaders":
        case "responseTrailers":
          return [goOn(message.part)];
        case "responseBody": {
          const { body, endOfStream } = message;
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

/** A class, since V8 makes a hidden class for each object literal that has a getter, and keeps it. */
class MessageInfo implements HeadersInfo {
  readonly #message: RequestMessage;
  readonly bodyMode: BodyMode;

  constructor(message: RequestMessage, bodyMode: BodyMode) {
    this.#message = message;
    this.bodyMode = bodyMode;
  }

  get endOfStream(): boolean {
    return this.#message.endOfStream;
  }

  get metadata(): Readonly<Record<string, unknown>> {
    return this.#message.metadata;
  }
}

const bodyModes: Readonly<Partial<Record<BodySendMode, BodyMode>>> = {
  [BodySendMode.NONE]: "NONE",
  [BodySendMode.STREAMED]: "STREAMED",
  [BodySendMode.BUFFERED]: "BUFFERED",
  [BodySendMode.BUFFERED_PARTIAL]: "BUFFERED_PARTIAL",
  [BodySendMode.FULL_DUPLEX_STREAMED]: "FULL_DUPLEX_STREAMED",
};
