import type { Explanation } from "./explanation.ts";
import type { SchedulingErrorCode } from "./scheduling-error-code.ts";

/** The result of `pick`; branch on `ok`. */
export type PickResult = Picked | Refused;

/** A picked endpoint. The request counts as in flight there until its lease ends. */
export interface Picked {
  readonly ok: true;
  /** `ip:port`. */
  readonly endpoint: string;
  /** Addresses to try if the endpoint can't be reached, best first. */
  readonly fallbacks: readonly string[];
  readonly lease: Lease;
  /** Present if `PickOptions.explain` is set. */
  readonly explanation?: Explanation;
}

/** A request for which the pool has no endpoint; `code` gives the reason. */
export interface Refused {
  readonly ok: false;
  readonly code: SchedulingErrorCode;
  /** Name of the filter that left no endpoint. */
  readonly by?: string;
  /** Suggested wait before a retry, in ms; absent if waiting does not help. */
  readonly retryAfterMs?: number;
  readonly explanation?: Explanation;
}

/**
 * One request in flight. The caller reports its progress. The first call of `done`, `fail` or `release` ends it; later
 * calls have no effect.
 */
export interface Lease {
  readonly endpoint: string;
  /** Call when the request is sent later than it was picked: times are measured from this call. */
  start(): void;
  /**
   * Reports that a fallback serves the request. Its load and its prompt then count for that endpoint. Has no effect if
   * the endpoint is not in the pool or the lease has ended.
   */
  servedBy(address: string): void;
  /** The first token of the answer has arrived, so the prompt is computed. */
  firstToken(): void;
  /** The answer is complete. */
  done(usage?: { readonly outputTokens?: number }): void;
  /**
   * The request ended with an error. Without a status the endpoint failed: no connection, a reset, a timeout, or an
   * answer that broke off. With an error or redirect status, the status decides as in `EndpointAnswer`.
   */
  fail(status?: number): void;
  /** The request ended without a result about the endpoint: the client cancelled it, or its outcome is unknown. */
  release(): void;
}
