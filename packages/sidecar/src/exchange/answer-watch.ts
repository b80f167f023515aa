import type { Headers } from "@umbra/ext-proc";
import type { Lease } from "@umbra/scheduler";

/** Learns how an endpoint answers from what passes the pick's own stream, where a gateway sends the answer through it. */
export interface AnswerWatch {
  /** @param served the endpoint that has answered; undefined where nobody tells */
  headers(lease: Lease, headers: Headers, served: string | undefined, isEnd: boolean): void;
  body(lease: Lease, bytes: number, isEnd: boolean): void;
}

/** Statuses that say that the endpoint has failed. A model server's 503 says that it is full. */
const failures: ReadonlySet<number> = new Set([500, 502, 504]);

export function createAnswerWatch(): AnswerWatch {
  return new Watch();
}

/** A class: one is made for each request. */
class Watch implements AnswerWatch {
  #isOk = false;

  headers(lease: Lease, headers: Headers, served: string | undefined, isEnd: boolean): void {
    if (served !== undefined) lease.servedBy(served);
    const status = Number(headers.get(":status"));
    this.#isOk = status >= 200 && status < 300;
    if (failures.has(status)) lease.fail();
    else if (isEnd) this.#end(lease);
  }

  body(lease: Lease, bytes: number, isEnd: boolean): void {
    if (bytes > 0 && this.#isOk) lease.firstToken();
    if (isEnd) this.#end(lease);
  }

  #end(lease: Lease): void {
    if (this.#isOk) lease.done();
    else lease.release();
  }
}
