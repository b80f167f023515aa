/** Headers by lower-case name, including pseudo headers. Of a repeated header the first value is used. */
export type Headers = ReadonlyMap<string, string>;

export interface HeaderEntry {
  readonly name: string;
  readonly value: string;
}

/** Who opened a stream. */
export interface StreamInfo {
  /**
   * gRPC call metadata, names in lower case, from Envoy's `grpc_service.initial_metadata`. Only valid until `pick` or
   * `observe` returns.
   */
  readonly metadata: { get(name: string): string | undefined };
  /**
   * Ends the stream with an error. If the filter fails closed, Envoy then aborts the HTTP request at any stage; if it
   * fails open, the request continues.
   */
  fail(): void;
}

/** How the filter sends request bodies. `UNKNOWN`: Envoy does not report it; treated as BUFFERED. */
export type BodyMode =
  | "NONE"
  | "STREAMED"
  | "BUFFERED"
  | "BUFFERED_PARTIAL"
  | "FULL_DUPLEX_STREAMED"
  | "UNKNOWN";

/** Creates the exchange of each stream, at its first message. */
export interface Processor {
  /** Called for a filter that waits for answers. */
  pick(stream: StreamInfo): PickExchange;
  /** Called for a filter in observability mode, which sends copies and does not wait. */
  observe(stream: StreamInfo): ObserveExchange;
}

/** One HTTP request that waits for a decision. An exception ends only this stream. */
export interface PickExchange {
  /** Body mode if the gateway does not report one; `UNKNOWN` when absent. */
  readonly defaultBodyMode?: BodyMode;
  /**
   * True if the gateway allows mode overrides. The whole request body is then requested, and only the headers of the
   * answer.
   */
  readonly mayOverrideMode?: boolean;
  /** The headers have arrived, the body has not. Returns a decision that needs no body, or undefined. */
  onHeaders?(headers: Headers, info: HeadersInfo): Decision | undefined;
  /** The body is larger than the limit. Returns a reply. */
  onTooLarge?(headers: Headers): Decision;
  /** The bodies of all streams together exceed the limit, so this one is not read. Returns a reply. */
  onTooBusy?(headers: Headers): Decision;
  /**
   * In full duplex, the body ended with trailers. Returns a decision if such a request can't be served, or undefined.
   */
  onTrailers?(headers: Headers): Decision | undefined;
  /**
   * The whole request has arrived. Called once, unless `onHeaders` has decided. `body` is undefined if there is none or
   * the mode sends none. `bodyIsComplete` is false if the mode truncated it.
   */
  decide(
    headers: Headers,
    body: Uint8Array | undefined,
    info: { readonly bodyIsComplete: boolean },
  ): Decision | PendingDecision;
  /** The answer's headers have arrived, if the filter sends them. */
  onResponseHeaders?(headers: Headers, info: ResponseInfo): void;
  /** A piece of the answer's body has arrived, if the filter sends it. */
  onResponseBody?(chunk: Uint8Array, endOfStream: boolean): void;
  /** The answer has ended with trailers. */
  onResponseTrailers?(): void;
  /**
   * The stream has ended; called once. In the body modes Envoy keeps the stream open until the end of the answer, so
   * the request is then no longer in flight.
   */
  onEnd?(outcome: StreamOutcome): void;
}

export interface HeadersInfo {
  /** No body follows. */
  readonly endOfStream: boolean;
  readonly bodyMode: BodyMode;
  /** Dynamic metadata forwarded by the filter: a plain object per namespace. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Whether a stream waits for answers or carries copies. */
export type StreamKind = "pick" | "observe";

export interface ResponseInfo {
  /** No body follows. */
  readonly endOfStream: boolean;
  /** Dynamic metadata forwarded by the filter: a plain object per namespace. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Attributes sent by the filter, as text. */
  readonly attributes: ReadonlyMap<string, string>;
}

/**
 * How a stream ended. `complete`: after a decision or the whole answer. `cancelled`: before it. `failed`: by an error
 * in this process.
 */
export type StreamOutcome = "complete" | "cancelled" | "failed";

export type Decision =
  | {
      readonly kind: "route";
      /** Headers to set; they replace the client's values. */
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
      /** Appears in Envoy's access log; letters, digits and `_`. */
      readonly details: string;
    };

/** A later decision, while the request waits in a queue. */
export interface PendingDecision {
  readonly kind: "pending";
  /** If it rejects, the stream fails. It is ignored after the stream has ended. */
  readonly decided: Promise<Decision>;
  /** Time limit, in ms. Envoy is asked to wait this long, but not longer than its `max_message_timeout`. */
  readonly limitMs: number;
}

export type JsonValue = string | number | boolean | null | JsonObject | readonly JsonValue[];
export type JsonObject = { readonly [key: string]: JsonValue };

/** Copies of one HTTP request and its answer. An exception ends only this stream. */
export interface ObserveExchange {
  /** Returns `end` if the rest is not needed; Envoy then sends no more. */
  onRequestHeaders?(headers: Headers, endOfStream: boolean): "end" | undefined;
  onRequestBody?(chunk: Uint8Array, endOfStream: boolean): void;
  onResponseHeaders?(
    headers: Headers,
    attributes: ReadonlyMap<string, string>,
    endOfStream: boolean,
  ): void;
  /** Returns `end` if the rest is not needed. */
  onResponseBody?(chunk: Uint8Array, endOfStream: boolean): "end" | undefined;
  onResponseTrailers?(headers: Headers): void;
  /** The stream has ended; called once. */
  onEnd?(outcome: StreamOutcome): void;
}
