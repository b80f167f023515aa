import type { RequestKind } from "./request-kind.ts";

/** The lane that answers clients, or the lane of the twins. */
export type Lane = "primary" | "shadow";

/** One side of a pair: what one lane did with one request. Numbers and names, never text. Times in ms. */
export interface Leg {
  readonly requestId: string;
  readonly lane: Lane;
  readonly pool: string;
  /** `ip:port` of the endpoint that served it, if known. */
  readonly endpoint?: string;
  readonly model?: string;
  readonly stream: boolean;
  /** The completion's `id`, which identifies the answer. */
  readonly responseId?: string;
  /** HTTP status; 0 if no response headers arrived. */
  readonly status: number;
  readonly class: LegClass;
  /** Dispatch, on the recorder's clock. */
  readonly t0: number;
  /** Dispatch to first token event; streaming only. */
  readonly ttftMs?: number;
  /** Dispatch to the first visible token event, without reasoning; streaming only. */
  readonly ttfoMs?: number;
  /** Between tokens after the first: (e2e - ttft) / (tokens - 1); streaming only. */
  readonly tpotMs?: number;
  /** Time per code point of visible text after the first event; streaming only. */
  readonly tpocMs?: number;
  /** Dispatch to last token event; without streaming, to the end of the body. */
  readonly e2eMs?: number;
  /** Dispatch to the moment when it was cut short from outside; only for such legs. */
  readonly cutMs?: number;
  /** Dispatch to the end of the body. */
  readonly streamEndMs?: number;
  readonly outTokens?: number;
  /** `usage`: the server counted. `chunks`: token events were counted. */
  readonly outTokensFrom?: "usage" | "chunks";
  /** Number of token events, independent of the server's count. */
  readonly tokenEvents?: number;
  readonly promptTokens?: number;
  /** Prompt tokens found in the prefix cache. */
  readonly cachedTokens?: number;
  /** Size of the request's body. */
  readonly promptBytes?: number;
  /** Unicode code points of the visible text. */
  readonly outChars: number;
  readonly finishReason?: string;
  /** Longest gap between two chunks with a token event; streaming only. */
  readonly maxIclMs?: number;
  /** Keyed hash of its session. */
  readonly session?: string;
  /** For a primary: the kind of request. */
  readonly kind?: RequestKind;
  /** Upstream attempts. With more than one, an error was hidden by a retry. */
  readonly attempts?: number;
}

/** Classes of legs, a closed list. Each leg has exactly one. */
export const legClasses = [
  "ok",
  "bad_request",
  "auth",
  "not_found",
  "rate_limited",
  "overloaded",
  "server_error",
  "connect",
  "timeout",
  "stream_error",
  "truncated",
  "empty",
  "malformed",
  "client_cancelled",
  "propagated_cancel",
  "cap_cancelled",
] as const;

export type LegClass = (typeof legClasses)[number];

/** True if the leg was cut short from outside: not an error, but its end was not measured. */
export function isCensored(legClass: LegClass | null): boolean {
  return (
    legClass === "client_cancelled" ||
    legClass === "propagated_cancel" ||
    legClass === "cap_cancelled"
  );
}

/** A request and its twin, both finished. A request has one pair for each shadow pool it was mirrored to. */
export interface Pair {
  readonly requestId: string;
  readonly primary: Leg;
  readonly shadow: Leg;
}
