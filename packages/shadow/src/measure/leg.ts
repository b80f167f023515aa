import type { RequestKind } from "./request-kind.ts";

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
  /** Dispatch to the first token event that a reader sees, reasoning left out; streaming only. */
  readonly ttfoMs?: number;
  /** Between tokens after the first: (e2e - ttft) / (tokens - 1); streaming only. */
  readonly tpotMs?: number;
  /** Per code point of visible text behind the first event; streaming only. */
  readonly tpocMs?: number;
  /** Dispatch to last token event; without streaming, to the end of the body. */
  readonly e2eMs?: number;
  /** Dispatch to the end of the body. */
  readonly streamEndMs?: number;
  readonly outTokens?: number;
  /** `usage`: the server counted. `chunks`: token events were counted. */
  readonly outTokensFrom?: "usage" | "chunks";
  /** Token events, whatever the server counted. */
  readonly tokenEvents?: number;
  readonly promptTokens?: number;
  /** Of the prompt, found in the prefix cache. */
  readonly cachedTokens?: number;
  /** Size of the request's body. */
  readonly promptBytes?: number;
  /** Unicode code points of the visible text. */
  readonly outChars: number;
  readonly finishReason?: string;
  /** Longest gap between two chunks with a token event; streaming only. */
  readonly maxIclMs?: number;
  /** Keyed hash of the session it belongs to. */
  readonly session?: string;
  /** Primary: what kind of request it is. */
  readonly kind?: RequestKind;
  /** Upstream attempts; more than one hides an error. */
  readonly attempts?: number;
}

/** A closed list; exactly one for each leg. */
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

/** Cut short by somebody else's doing: no error, and no measure of the end. */
export function isCensored(legClass: LegClass | null): boolean {
  return (
    legClass === "client_cancelled" ||
    legClass === "propagated_cancel" ||
    legClass === "cap_cancelled"
  );
}

/** A request and its twin, both finished. One request has a pair for each shadow pool that it was mirrored to. */
export interface Pair {
  readonly requestId: string;
  readonly primary: Leg;
  readonly shadow: Leg;
}
