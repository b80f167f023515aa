import type { Headers } from "@umbra/ext-proc";
import { isErrorStatus, type Lease } from "@umbra/scheduler";
import { answeredByEndpoint } from "./logged-answer.ts";

/** Learns how an endpoint answers, if the gateway sends the answer through the pick stream. */
export interface AnswerWatch {
  headers(lease: Lease, answer: AnswerHeaders): void;
  body(lease: Lease, bytes: number, isEnd: boolean): void;
  /** The stream ended. */
  over(lease: Lease): void;
  /** True if the result was reported to the lease. */
  readonly isReported: boolean;
}

export interface AnswerHeaders {
  readonly headers: Headers;
  /** The endpoint that answered; undefined if unknown. */
  readonly served: string | undefined;
  /** Envoy's response code details; undefined if the gateway does not send them. */
  readonly details: string | undefined;
  readonly isEnd: boolean;
}

export function createAnswerWatch(): AnswerWatch {
  return new Watch();
}

/** A class, because one is created per request. */
class Watch implements AnswerWatch {
  isReported = false;
  #isOk = false;
  #hasBody = false;

  headers(lease: Lease, { headers, served, details, isEnd }: AnswerHeaders): void {
    if (served !== undefined) lease.servedBy(served);
    const status = Number(headers.get(":status"));
    this.#isOk = status >= 200 && status < 300;
    // Without details, only the status is known, so the gateway's own replies look like the endpoint's.
    if (details !== undefined && answeredByEndpoint(status, details) === undefined) lease.release();
    else if (isErrorStatus(status)) {
      this.isReported = true;
      lease.fail(status);
    } else if (isEnd) this.#end(lease);
  }

  body(lease: Lease, bytes: number, isEnd: boolean): void {
    this.#hasBody = true;
    if (bytes > 0 && this.#isOk) lease.firstToken();
    if (isEnd) this.#end(lease);
  }

  over(lease: Lease): void {
    // Without bodies, only the status counts. With bodies, this answer was truncated.
    if (!this.#hasBody && !this.isReported) this.#end(lease);
  }

  #end(lease: Lease): void {
    if (this.#isOk) {
      this.isReported = true;
      lease.done();
    } else lease.release();
  }
}
