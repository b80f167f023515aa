import type { Headers } from "@umbra/ext-proc";
import { isErrorStatus, type Lease } from "@umbra/scheduler";
import { answeredByEndpoint } from "./logged-answer.ts";

/** Learns how an endpoint answers from what passes the pick's own stream, where a gateway sends the answer through it. */
export interface AnswerWatch {
  headers(lease: Lease, answer: AnswerHeaders): void;
  body(lease: Lease, bytes: number, isEnd: boolean): void;
  /** The stream is over. */
  over(lease: Lease): void;
  /** The lease knows how the endpoint has answered. */
  readonly isReported: boolean;
}

export interface AnswerHeaders {
  readonly headers: Headers;
  /** The endpoint that has answered; undefined where nobody says. */
  readonly served: string | undefined;
  /** Envoy's response code details; undefined where the gateway does not send them. */
  readonly details: string | undefined;
  readonly isEnd: boolean;
}

export function createAnswerWatch(): AnswerWatch {
  return new Watch();
}

/** A class: one is made for each request. */
class Watch implements AnswerWatch {
  isReported = false;
  #isOk = false;
  #hasBody = false;

  headers(lease: Lease, { headers, served, details, isEnd }: AnswerHeaders): void {
    if (served !== undefined) lease.servedBy(served);
    const status = Number(headers.get(":status"));
    this.#isOk = status >= 200 && status < 300;
    // Without details the status is all there is, and the gateway's own replies pass for the endpoint's.
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
    // A gateway that sends no bodies says no more than the status; one that does has cut this one short.
    if (!this.#hasBody && !this.isReported) this.#end(lease);
  }

  #end(lease: Lease): void {
    if (this.#isOk) {
      this.isReported = true;
      lease.done();
    } else lease.release();
  }
}
