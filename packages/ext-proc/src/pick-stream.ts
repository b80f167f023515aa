import {
  type Answer,
  addBodyAnswers,
  bodyAnswers,
  goOn,
  goOnWith,
  replyAnswer,
  routeAnswer,
  waitLonger,
} from "./answers.ts";
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
import { type ModeOverride, overrideOf } from "./mode-override.ts";
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
  options: PickStreamOptions,
  send: Send,
): PickStream {
  return new Picking(exchange, options, send);
}

const noBytes = new Uint8Array();
const complete = { bodyIsComplete: true };
const incomplete = { bodyIsComplete: false };

/** What a decision answers: one message, or in full duplex all that was held back. */
type Phase = "requestHeaders" | "requestBody" | "wholeBody" | "wholeBodyAndTrailers";

/** A class: one is made for each request, and its methods are made once. */
class Picking implements PickStream {
  readonly #exchange: PickExchange;
  readonly #options: PickStreamOptions;
  readonly #send: Send;
  #mode: BodyMode = "UNKNOWN";
  #responseMode: BodySendMode = BodySendMode.NONE;
  /** Let go with the decision: they are views of what the connection has read, and a stream may be open for minutes. */
  #headers: Headers | undefined = undefined;
  #hasHeaders = false;
  #decision: Decision | undefined = undefined;
  #chunks: Uint8Array[] | undefined = undefined;
  /** In full duplex: the body until the decision on it. */
  #received: Uint8Array = noBytes;
  #bodyBytes = 0;
  #isBodyOver = false;
  #override: ModeOverride | undefined = undefined;

  constructor(exchange: PickExchange, options: PickStreamOptions, send: Send) {
    this.#exchange = exchange;
    this.#options = options;
    this.#send = send;
  }

  isDecided(): boolean {
    return this.#decision !== undefined;
  }

  receive(message: RequestMessage): readonly Answer[] {
    // Envoy may have sent more before our reply reached it.
    if (this.#decision?.kind === "reply") return none;
    if (message.bodyModes !== undefined) {
      this.#mode = bodyModes[message.bodyModes.request] ?? "UNKNOWN";
      this.#responseMode = message.bodyModes.response;
    }
    switch (message.part) {
      case "requestHeaders":
        return this.#requestHeaders(message);
      case "requestBody":
        return this.#requestBody(message);
      case "requestTrailers":
        return this.#requestTrailers();
      case "responseHeaders":
        this.#exchange.onResponseHeaders?.(message.headers, message);
        return [goOn("responseHeaders")];
      case "responseTrailers":
        this.#exchange.onResponseTrailers?.();
        return [goOn("responseTrailers")];
      case "responseBody": {
        const { body, endOfStream } = message;
        this.#exchange.onResponseBody?.(body, endOfStream);
        return this.#responseMode === BodySendMode.FULL_DUPLEX_STREAMED
          ? bodyAnswers("responseBody", body, endOfStream)
          : [goOn("responseBody")];
      }
      case undefined:
        throw new ProtocolError("the message holds nothing that is known here");
    }
  }

  #requestHeaders(message: RequestMessage): readonly Answer[] {
    if (this.#hasHeaders) throw new ProtocolError("request headers came twice");
    const { headers, endOfStream } = message;
    this.#hasHeaders = true;
    if (this.#mode === "UNKNOWN") this.#assumeMode(this.#exchange.unsaidMode);
    this.#headers = headers;
    if (this.#exchange.mayOverrideMode === true) this.#overrideMode(endOfStream);
    const mode = this.#mode;
    const early = this.#exchange.onHeaders?.(headers, new MessageInfo(message, mode));
    if (early !== undefined) return [this.#decided("requestHeaders", early)];
    if (endOfStream || mode === "NONE" || mode === "STREAMED") {
      const info = endOfStream ? complete : incomplete;
      return this.#settled(this.#exchange.decide(headers, undefined, info), "requestHeaders");
    }
    if (mode === "FULL_DUPLEX_STREAMED") return none;
    const override = this.#override;
    return [override === undefined ? goOn("requestHeaders") : goOnWith(override)];
  }

  /** From the answer to the headers on it holds. */
  #overrideMode(hasNoBody: boolean): void {
    this.#override = overrideOf(this.#mode);
    const isUnseen = this.#mode === "NONE" || this.#mode === "STREAMED";
    if (this.#override === undefined) return;
    this.#responseMode = BodySendMode.NONE;
    if (isUnseen && !hasNoBody) this.#mode = "BUFFERED";
  }

  #assumeMode(mode: BodyMode = "UNKNOWN"): void {
    this.#mode = mode;
    if (mode === "FULL_DUPLEX_STREAMED") this.#responseMode = BodySendMode.FULL_DUPLEX_STREAMED;
  }

  /** Says what a decision means, now or once it is made. */
  #settled(made: Decision | PendingDecision, as: Phase): readonly Answer[] {
    if (made.kind !== "pending") return this.#said(made, as);
    let isPending = true;
    void made.decided.then((decision) => {
      isPending = false;
      this.#send(this.#said(decision, as));
    });
    // Most wait for less than a turn of the event loop, and need no more time.
    setImmediate(() => {
      if (isPending && this.#mode !== "FULL_DUPLEX_STREAMED") {
        this.#send([waitLonger(made.limitMs)]);
      }
    });
    return none;
  }

  #said(made: Decision, as: Phase): readonly Answer[] {
    if (as === "requestHeaders" || as === "requestBody") return [this.#decided(as, made)];
    const received = this.#received;
    this.#received = noBytes;
    const answer = this.#decided("requestHeaders", made);
    // A reply stands alone; a route has the body's pieces behind it.
    if (made.kind === "reply") return [answer];
    const answers = [answer];
    addBodyAnswers(answers, "requestBody", made.body ?? received, as === "wholeBody");
    if (as !== "wholeBody") answers.push(goOn("requestTrailers"));
    return answers;
  }

  #decided(phase: "requestHeaders" | "requestBody", made: Decision): Answer {
    // What the decision holds has its answer; only its kind is looked at again.
    this.#decision = made.kind === "reply" ? made : taken;
    this.#headers = undefined;
    if (made.kind === "reply") return replyAnswer(made);
    return routeAnswer(phase, made, phase === "requestHeaders" ? this.#override : undefined);
  }

  #requestBody({ body, endOfStream }: RequestMessage): readonly Answer[] {
    if (!this.#hasHeaders) throw new ProtocolError("a request body came before the headers");
    const isDuplex = this.#mode === "FULL_DUPLEX_STREAMED";
    if (isDuplex) {
      // Some Envoys send the last piece of a large body twice, and take no second answer to it.
      if (this.#isBodyOver) return none;
      this.#isBodyOver = endOfStream;
    }
    const headers = this.#headers;
    if (this.#decision !== undefined || headers === undefined) {
      return isDuplex ? bodyAnswers("requestBody", body, endOfStream) : [goOn("requestBody")];
    }
    this.#bodyBytes += body.length;
    if (this.#bodyBytes > this.#options.maxBodyBytes) {
      this.#chunks = undefined;
      return [this.#decided("requestBody", this.#options.tooLarge())];
    }
    if (isDuplex) {
      // Envoy ends most bodies with an empty piece: what came in one is then not copied.
      if (body.length > 0) {
        if (this.#chunks === undefined) this.#chunks = [body];
        else this.#chunks.push(body);
      }
      return endOfStream ? this.#wholeBody(headers, false) : none;
    }
    const info = this.#mode !== "BUFFERED_PARTIAL" || endOfStream ? complete : incomplete;
    return this.#settled(this.#exchange.decide(headers, body, info), "requestBody");
  }

  /** Says all that FULL_DUPLEX_STREAMED has held back: the headers' answer and the body. */
  #wholeBody(headers: Headers, hasTrailers: boolean): readonly Answer[] {
    const received = joined(this.#chunks);
    this.#chunks = undefined;
    this.#received = received;
    const decision = this.#exchange.decide(headers, received, complete);
    return this.#settled(decision, hasTrailers ? "wholeBodyAndTrailers" : "wholeBody");
  }

  #requestTrailers(): readonly Answer[] {
    if (!this.#hasHeaders) {
      throw new ProtocolError("request trailers came before the headers");
    }
    const headers = this.#headers;
    const isWaiting = this.#decision === undefined && this.#mode === "FULL_DUPLEX_STREAMED";
    if (!isWaiting || headers === undefined) return [goOn("requestTrailers")];
    const refused = this.#exchange.onTrailers?.(headers);
    if (refused !== undefined) {
      this.#chunks = undefined;
      return [this.#decided("requestHeaders", refused)];
    }
    return this.#wholeBody(headers, true);
  }
}

function joined(chunks: readonly Uint8Array[] = []): Uint8Array {
  const [first = noBytes] = chunks;
  return chunks.length < 2 ? first : Buffer.concat(chunks);
}

/** Stands for every decision that lets the request go on. */
const taken: Decision = { kind: "route", setHeaders: [] };

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
