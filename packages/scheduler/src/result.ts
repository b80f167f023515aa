import type { Explanation } from "./explanation.ts";
import type { SchedulingErrorCode } from "./scheduling-error-code.ts";

export type PickResult = Picked | Refused;

export interface Picked {
  readonly ok: true;
  /** `ip:port`. */
  readonly endpoint: string;
  /** The next best, best first. */
  readonly fallbacks: readonly string[];
  readonly lease: Lease;
  /** Of a pick that was asked to explain itself. */
  readonly explanation?: Explanation;
}

export interface Refused {
  readonly ok: false;
  readonly code: SchedulingErrorCode;
  /** The filter that left nothing. */
  readonly by?: string;
  /** When trying again makes sense, in ms; absent where time alone fixes nothing. */
  readonly retryAfterMs?: number;
  readonly explanation?: Explanation;
}

/** One request in flight. Told how it goes; ended by the first of `done`, `fail` and `release`, later calls do nothing. */
export interface Lease {
  readonly endpoint: string;
  /** The request leaves only now: times count from here, and not from the pick. */
  start(): void;
  /**
   * Another endpoint of the pool than the picked one serves the request: a fallback. From now on it counts there, and
   * its prompt is held there. Of a stranger, and once the lease has ended, it does nothing.
   */
  servedBy(address: string): void;
  /** The first token of the answer has come: the prompt is computed. */
  firstToken(): void;
  /** The answer is complete. */
  done(usage?: { readonly outputTokens?: number }): void;
  /**
   * The request is over with an error. Without a status the endpoint has failed: no connection, a reset, a timeout, an
   * answer that broke off. An error's status, a redirect's too, says what it means for the endpoint, as in
   * `EndpointAnswer`.
   */
  fail(status?: number): void;
  /** It is over, by the client's will or nobody knows how: says nothing about the endpoint. */
  release(): void;
}
