/** Headers by name, in lower case, pseudo headers included. Of a repeated name the first value counts. */
export type Headers = ReadonlyMap<string, string>;

export interface HeaderEntry {
  readonly name: string;
  readonly value: string;
}

/** Who opened a stream. */
export interface StreamInfo {
  /**
   * gRPC call metadata, names in lower case: what Envoy's `grpc_service.initial_metadata` sets. To be asked until `pick` or
   * `observe` has returned.
   */
  readonly metadata: { get(name: string): string | undefined };
  /**
   * Ends the stream with an error. Where the filter fails closed, Envoy then ends the HTTP request at whatever point it
   * is; where it fails open, the request goes on.
   */
  fail(): void;
}

/** How the filter sends request bodies. `UNKNOWN`: an Envoy that does not say, served as BUFFERED. */
export type BodyMode =
  | "NONE"
  | "STREAMED"
  | "BUFFERED"
  | "BUFFERED_PARTIAL"
  | "FULL_DUPLEX_STREAMED"
  | "UNKNOWN";

/** What the server asks for each stream, at its first message. */
export interface Processor {
  /** A filter that waits for answers. */
  pick(stream: StreamInfo): PickExchange;
  /** A filter in observability mode: it sends copies and waits for nothing. */
  observe(stream: StreamInfo): ObserveExchange;
}

/** One HTTP request that waits for a decision. What a method throws ends this stream only. */
export interface PickExchange {
  /** How bodies come in both directions where the gateway does not say; `UNKNOWN` when absent. */
  readonly defaultBodyMode?: BodyMode;
  /** The gateway lets its mode be overridden: the body is asked for whole, and of the answer the headers alone. */
  readonly mayOverrideMode?: boolean;
  /** The headers are here, the body is not. Returns a decision that needs no body, or undefined. */
  onHeaders?(headers: Headers, info: HeadersInfo): Decision | undefined;
  /** The body is longer than is taken. Returns a reply. */
  onTooLarge?(headers: Headers): Decision;
  /** The bodies of all streams together are too much: this one is not waited for. Returns a reply. */
  onTooBusy?(headers: Headers): Decision;
  /** In full duplex the body ends with trailers. Returns a decision where such a request can't be served, or undefined. */
  onTrailers?(headers: Headers): Decision | undefined;
  /**
   * The whole request is here. Called once, unless `onHeaders` has decided. `body` is undefined where there is none
   * or the mode sends none; `bodyIsComplete` is false where the mode cut it.
   */
  decide(
    headers: Headers,
    body: Uint8Array | undefined,
    info: { readonly bodyIsComplete: boolean },
  ): Decision | PendingDecision;
  /** The answer's headers are here, where the filter sends them. */
  onResponseHeaders?(headers: Headers, info: ResponseInfo): void;
  /** A piece of the answer, where the filter sends them. */
  onResponseBody?(chunk: Uint8Array, endOfStream: boolean): void;
  /** The answer has ended with trailers. */
  onResponseTrailers?(): void;
  /**
   * The stream has ended; called once. In the body modes Envoy holds the stream to the end of the HTTP request, its
   * answer included, so this is the end of the time in flight.
   */
  onEnd?(outcome: StreamOutcome): void;
}

export interface HeadersInfo {
  /** No body follows. */
  readonly endOfStream: boolean;
  readonly bodyMode: BodyMode;
  /** Dynamic metadata that the filter forwards: a plain object for each namespace. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Whether a stream waits for answers, or holds copies. */
export type StreamKind = "pick" | "observe";

export interface ResponseInfo {
  /** No body follows. */
  readonly endOfStream: boolean;
  /** Dynamic metadata that the filter forwards: a plain object for each namespace. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Attributes that the filter asks for, as text. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** `complete`: after a decision, or the whole answer. `cancelled`: before it. `failed`: by an error here. */
export type StreamOutcome = "complete" | "cancelled" | "failed";

export type Decision =
  | {
      readonly kind: "route";
      /** Replace the client's values of the same name. */
      readonly setHeaders: readonly HeaderEntry[];
      readonly removeHeaders?: readonly string[];
      /** Replaces the request's body. */
      readonly body?: Uint8Array;
      /** A plain JSON object for each namespace. */
      readonly dynamicMetadata?: Readonly<Record<string, JsonObject>>;
      readonly clearRouteCache?: boolean;
    }
  | {
      readonly kind: "reply";
      /** 200 to 599. */
      readonly status: number;
      readonly headers: readonly HeaderEntry[];
      readonly body: string;
      /** Shows in Envoy's access log; letters, digits and `_`. */
      readonly details: string;
    };

/** A decision that comes later: the request waits for its turn. */
export interface PendingDecision {
  readonly kind: "pending";
  /** Where it rejects the stream fails; once the stream has ended its answer is thrown away. */
  readonly decided: Promise<Decision>;
  /**
   * How long it may take, in ms. Envoy is asked to wait so long, and does not where that is more than its own
   * `max_message_timeout`.
   */
  readonly limitMs: number;
}

export type JsonValue = string | number | boolean | null | JsonObject | readonly JsonValue[];
export type JsonObject = { readonly [key: string]: JsonValue };

/** Copies of one HTTP request and its answer. What a method throws ends this stream only. */
export interface ObserveExchange {
  /** Returns `end` when the rest is not wanted: Envoy then sends nothing more. */
  onRequestHeaders?(headers: Headers, endOfStream: boolean): "end" | undefined;
  onRequestBody?(chunk: Uint8Array, endOfStream: boolean): void;
  onResponseHeaders?(
    headers: Headers,
    attributes: ReadonlyMap<string, string>,
    endOfStream: boolean,
  ): void;
  /** `end`: nothing more of it is wanted. */
  onResponseBody?(chunk: Uint8Array, endOfStream: boolean): "end" | undefined;
  onResponseTrailers?(headers: Headers): void;
  /** The stream has ended; called once. */
  onEnd?(outcome: StreamOutcome): void;
}
