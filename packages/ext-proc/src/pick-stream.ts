import { ProtocolError } from "@umbra/grpc";
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

import { BodyParts } from "./body-parts.ts";
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
import type { HeldBudget } from "./held-budget.ts";
import { type ModeOverride, overrideOf } from "./mode-override.ts";

export interface PickStreamOptions {
  /** Largest request body; a larger one is refused. */
  readonly maxBodyBytes: number;
  /** Default answer to a request whose body is too large. */
  readonly tooLarge: () => Decision;
  /** Memory limit for all incomplete requests, including headers. When absent, bodies are only limited individually. */
  readonly budget?: HeldBudget;
}

/** Receives answers that are not a direct response to a message: those of a pending decision, or its error. */
export interface Outlet {
  send(answers: readonly Answer[]): void;
  /** The stream can't continue. */
  broken(cause: unknown): void;
}

/**
 * Protocol of one stream that waits for answers: takes messages, returns encoded answers. Independent of the transport.
 */
export interface PickStream {
  /**
   * Handles one message and returns its answers; in FULL_DUPLEX_STREAMED there may be none yet, or several. Throws
   * ProtocolError.
   *
   * @param messageBytes length of the message, which header views keep in memory; 0 when absent
   */
  receive(message: RequestMessage, messageBytes?: number): readonly Answer[];
  /** True once the request was decided. */
  isDecided(): boolean;
  /** Releases the received parts of the request when the stream ends. */
  release(): void;
}

const none: readonly Answer[] = [];

export function createPickStream(
  exchange: PickExchange,
  options: PickStreamOptions,
  outlet: Outlet,
): PickStream {
  return new Picking(exchange, options, outlet);
}

const noBytes = new Uint8Array();
const complete = { bodyIsComplete: true };
const incomplete = { bodyIsComplete: false };

/** What a decision answers: one message, or in full duplex everything that was held back. */
type Phase = "requestHeaders" | "requestBody" | "wholeBody" | "wholeBodyAndTrailers";

/** A class, because one is created per request and its methods must not be. */
class Picking implements PickStream {
  readonly #exchange: PickExchange;
  readonly #options: PickStreamOptions;
  readonly #outlet: Outlet;
  #mode: BodyMode = "UNKNOWN";
  #responseMode: BodySendMode = BodySendMode.NONE;
  /**
   * Released with the decision: they are views of the connection's read buffer, and a stream may be open for minutes.
   */
  #headers: Headers | undefined = undefined;
  #hasHeaders = false;
  #decision: Decision | undefined = undefined;
  #parts: BodyParts | undefined = undefined;
  /** In full duplex: the body, until it is decided on. */
  #received: Uint8Array = noBytes;
  #bodyBytes = 0;
  /** Bytes reserved from the budget. */
  #heldBytes = 0;
  /** Whether the request is complete and a decision was requested. */
  #isDecisionRequested = false;
  #isBodyOver = false;
  #override: ModeOverride | undefined = undefined;

  constructor(exchange: PickExchange, options: PickStreamOptions, outlet: Outlet) {
    this.#exchange = exchange;
    this.#options = options;
    this.#outlet = outlet;
  }

  isDecided(): boolean {
    return this.#decision !== undefined;
  }

  release(): void {
    this.#parts = undefined;
    if (this.#heldBytes === 0) return;
    this.#options.budget?.giveBack(this.#heldBytes);
    this.#heldBytes = 0;
  }

  receive(message: RequestMessage, messageBytes = 0): readonly Answer[] {
    // Envoy may have sent more before the reply reached it.
    if (this.#decision?.kind === "reply") return none;
    if (message.bodyModes !== undefined) {
      this.#mode = bodyModes[message.bodyModes.request] ?? "UNKNOWN";
      this.#responseMode = message.bodyModes.response;
    }
    switch (message.part) {
      case "requestHeaders":
        return this.#requestHeaders(message, messageBytes);
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
        throw new ProtocolError("the message has no known content");
    }
  }

  #requestHeaders(message: RequestMessage, messageBytes: number): readonly Answer[] {
    if (this.#hasHeaders) throw new ProtocolError("duplicate request headers");
    const { headers, endOfStream } = message;
    this.#hasHeaders = true;
    if (this.#mode === "UNKNOWN") this.#assumeMode(this.#exchange.defaultBodyMode);
    this.#headers = headers;
    if (this.#exchange.mayOverrideMode === true) this.#overrideMode(endOfStream);
    const mode = this.#mode;
    const early = this.#exchange.onHeaders?.(headers, new MessageInfo(message, mode));
    if (early !== undefined) return [this.#decided("requestHeaders", early)];
    if (endOfStream || mode === "NONE" || mode === "STREAMED") {
      const info = endOfStream ? complete : incomplete;
      return this.#resolve(this.#exchange.decide(headers, undefined, info), "requestHeaders");
    }
    const refused = this.#hold(headers, messageBytes);
    if (refused !== undefined) return [this.#decided("requestHeaders", refused)];
    if (mode === "FULL_DUPLEX_STREAMED") return none;
    const override = this.#override;
    return [override === undefined ? goOn("requestHeaders") : goOnWith(override)];
  }

  /** The override applies from the answer to the headers on. */
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

  /** Returns the answers of a decision, or sends them once a pending decision is made. */
  #resolve(made: Decision | PendingDecision, as: Phase): readonly Answer[] {
    this.#isDecisionRequested = true;
    if (made.kind !== "pending") return this.#encodeAnswers(made, as);
    let isPending = true;
    made.decided
      .then((decision) => this.#outlet.send(this.#encodeAnswers(decision, as)))
      .catch((cause: unknown) => this.#outlet.broken(cause))
      .finally(() => {
        isPending = false;
      });
    // Most decisions take less than a turn of the event loop, so Envoy need not be asked to wait.
    setImmediate(() => {
      if (isPending && this.#mode !== "FULL_DUPLEX_STREAMED") {
        this.#outlet.send([waitLonger(made.limitMs)]);
      }
    });
    return none;
  }

  #encodeAnswers(made: Decision, as: Phase): readonly Answer[] {
    if (as === "requestHeaders" || as === "requestBody") return [this.#decided(as, made)];
    const received = this.#received;
    this.#received = noBytes;
    const answer = this.#decided("requestHeaders", made);
    // A reply is the only answer; a route is followed by the body's pieces.
    if (made.kind === "reply") return [answer];
    const answers = [answer];
    addBodyAnswers(answers, "requestBody", made.body ?? received, as === "wholeBody");
    if (as !== "wholeBody") answers.push(goOn("requestTrailers"));
    return answers;
  }

  #decided(phase: "requestHeaders" | "requestBody", made: Decision): Answer {
    // The answers are sent, so only the kind of the decision is still needed.
    this.#decision = made.kind === "reply" ? made : decidedMarker;
    this.#headers = undefined;
    this.release();
    if (made.kind === "reply") return replyAnswer(made);
    return routeAnswer(phase, made, phase === "requestHeaders" ? this.#override : undefined);
  }

  #requestBody({ body, endOfStream }: RequestMessage): readonly Answer[] {
    if (!this.#hasHeaders) throw new ProtocolError("request body before the headers");
    const isDuplex = this.#mode === "FULL_DUPLEX_STREAMED";
    if (isDuplex) {
      // Some Envoys send the last piece of a large body twice and accept only one answer to it.
      if (this.#isBodyOver) return none;
      this.#isBodyOver = endOfStream;
    }
    const headers = this.#headers;
    if (this.#decision !== undefined || headers === undefined) {
      return isDuplex ? bodyAnswers("requestBody", body, endOfStream) : [goOn("requestBody")];
    }
    // More messages than requested.
    if (this.#isDecisionRequested) return none;
    if (this.#bodyBytes + body.length > this.#options.maxBodyBytes) {
      const { tooLarge } = this.#options;
      return [this.#decided("requestBody", this.#exchange.onTooLarge?.(headers) ?? tooLarge())];
    }
    if (isDuplex) return this.#piece(headers, body, endOfStream);
    const info = this.#mode !== "BUFFERED_PARTIAL" || endOfStream ? complete : incomplete;
    return this.#resolve(this.#exchange.decide(headers, body, info), "requestBody");
  }

  #piece(headers: Headers, body: Uint8Array, endOfStream: boolean): readonly Answer[] {
    if (endOfStream && this.#parts === undefined) return this.#wholeBody(headers, body, false);
    const refused = this.#hold(headers, body.length);
    if (refused !== undefined) return [this.#decided("requestBody", refused)];
    this.#bodyBytes += body.length;
    this.#parts ??= new BodyParts();
    this.#parts.add(body);
    return endOfStream ? this.#wholeBody(headers, this.#parts.whole(), false) : none;
  }

  /** Reserves bytes from the budget. Returns the answer to the client if there is no room. */
  #hold(headers: Headers, bytes: number): Decision | undefined {
    const { budget } = this.#options;
    if (budget?.take(bytes) === false) {
      return this.#exchange.onTooBusy?.(headers) ?? budget.refusal();
    }
    this.#heldBytes += bytes;
    return undefined;
  }

  /** Returns everything that was held back in FULL_DUPLEX_STREAMED: the answer to the headers, and the body. */
  #wholeBody(headers: Headers, received: Uint8Array, hasTrailers: boolean): readonly Answer[] {
    this.#parts = undefined;
    this.#received = received;
    const decision = this.#exchange.decide(headers, received, complete);
    return this.#resolve(decision, hasTrailers ? "wholeBodyAndTrailers" : "wholeBody");
  }

  #requestTrailers(): readonly Answer[] {
    if (!this.#hasHeaders) {
      throw new ProtocolError("request trailers before the headers");
    }
    const headers = this.#headers;
    const isWaiting = this.#decision === undefined && this.#mode === "FULL_DUPLEX_STREAMED";
    if (!isWaiting || headers === undefined) return [goOn("requestTrailers")];
    if (this.#isDecisionRequested) return none;
    const refused = this.#exchange.onTrailers?.(headers);
    if (refused !== undefined) return [this.#decided("requestHeaders", refused)];
    return this.#wholeBody(headers, this.#parts?.whole() ?? noBytes, true);
  }
}

/** Placeholder for every decision that lets the request continue. */
const decidedMarker: Decision = { kind: "route", setHeaders: [] };

/** A class, because V8 creates and keeps a hidden class for each object literal with a getter. */
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
