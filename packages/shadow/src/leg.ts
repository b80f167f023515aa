/** The real thing, or its mirrored copy. */
export type Lane = "primary" | "shadow";

/** One side of a pair: what one lane did with one request. Numbers and names, never text. Times in ms. */
export interface Leg {
  readonly requestId: string;
  readonly lane: Lane;
  readonly pool: string;
  /** `ip:port` that served, as far as known. */
  readonly endpoint?: string;
  readonly model?: string;
  readonly stream: boolean;
  /** The completion's `id`: whose answer a client has. */
  readonly responseId?: string;
  /** 0 when no response headers came. */
  readonly status: number;
  readonly class: LegClass;
  /** Dispatch, on the recorder's clock. */
  readonly t0: number;
  /** Dispatch to first token event; streaming only. */
  readonly ttftMs?: number;
  /** Between tokens after the first: (e2e - ttft) / (tokens - 1); streaming only. */
  readonly tpotMs?: number;
  /** Dispatch to last token event; without streaming, to the end of the body. */
  readonly e2eMs?: number;
  /** Dispatch to the end of the body. */
  readonly streamEndMs?: number;
  readonly outTokens?: number;
  /** `usage`: the server counted. `chunks`: token events were counted. */
  readonly outTokensFrom?: "usage" | "chunks";
  readonly promptTokens?: number;
  /** Unicode code points of the visible text. */
  readonly outChars: number;
  readonly finishReason?: string;
  /** Longest gap between two chunks with a token event; streaming only. */
  readonly maxIclMs?: number;
}

/** Exactly one for each leg. */
export type LegClass =
  | "ok"
  | "bad_request"
  | "auth"
  | "not_found"
  | "rate_limited"
  | "overloaded"
  | "server_error"
  | "connect"
  | "stream_error"
  | "truncated"
  | "empty"
  | "malformed"
  | "client_cancelled";

/** A request and its twin, both finished. One request has a pair for each shadow pool that it was mirrored to. */
export interface Pair {
  readonly requestId: string;
  readonly primary: Leg;
  readonly shadow: Leg;
}
