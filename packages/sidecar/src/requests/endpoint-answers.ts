import { destinationHeader, mirrorHeader } from "@umbra/envoy-config";
import type { AccessLogEntry } from "@umbra/ext-proc";
import { type EndpointAnswer, isErrorStatus, type Lease, type PoolState } from "@umbra/scheduler";
import type { Leg, LegClass, RecorderObserver } from "@umbra/shadow";
import type { Lane } from "../decision/request-account.ts";
import { RequestsById, type TabledRequest } from "../requests/requests-by-id.ts";
import { type LoggedAnswer, loggedAnswer, retriedAnswer } from "./logged-answer.ts";

/** One request on one lane: a twin has its primary's id. */
export interface AnswerKey {
  readonly lane: Lane;
  readonly pool: string;
  readonly requestId: string;
}

export interface PickedAnswer extends AnswerKey {
  readonly state: PoolState;
  /** Requests may share an id, but no lease. */
  readonly lease: Lease;
  /** Its answer is measured: only that tells whether it is good. */
  readonly isMeasured: boolean;
}

export interface EndpointAnswersOptions {
  readonly poolOfMirror: (mirror: string) => string | undefined;
  /** An endpoint has answered 404: the model may have gone from it since its list was read. */
  readonly onNotFound: (pool: string, address: string) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Uniform in [0, 1); `Math.random` when absent. */
  readonly random?: () => number;
}

/** A request from its pick until its answer is known. */
class Remembered implements PickedAnswer, TabledRequest {
  readonly lane: Lane;
  readonly pool: string;
  readonly requestId: string;
  readonly state: PoolState;
  readonly lease: Lease;
  older: this | undefined = undefined;
  /** A measured answer is still to come. */
  isMeasured: boolean;
  /** Undefined while its stream is open. */
  endedAtMs: number | undefined = undefined;
  /** Its place among those that have ended. */
  place = -1;
  isReported = false;
  /** A line of the access log was found for it: the next one is of another request with the same id. */
  isLogged = false;
  /** What the access log says of a measured request: counted when no measured answer comes. */
  good: LoggedAnswer["last"] = undefined;

  constructor({ lane, pool, requestId, state, lease, isMeasured }: PickedAnswer) {
    this.lane = lane;
    this.pool = pool;
    this.requestId = requestId;
    this.state = state;
    this.lease = lease;
    this.isMeasured = isMeasured;
  }
}

/** Requests in flight; more are not remembered. */
const maxOpen = 65_536;
/** Of more that ended and are not heard of yet the oldest is forgotten. A power of two. */
const maxEnded = 8_192;
/** From so many on none is kept while no access log was heard: perhaps there is none, and each kept request costs time. */
const maxEndedUnlogged = 256;
/** An access log tells of the first requests within a second; after so many unheard picks there is none. */
const maxUnheard = 10_000;
/** A line of an access log comes some ms behind the request's end, a measured leg some seconds. */
const keptMs = 10_000;

/**
 * Brings each answer to the health of its pool, once, from whoever sees it first: the access log of an Envoy, the
 * observe stream, or the pick's own stream.
 */
export class EndpointAnswers implements RecorderObserver {
  readonly #options: EndpointAnswersOptions;
  readonly #requests: RequestsById<Remembered>;
  /** A ring of those that have ended, from `#oldest` to `#next`. */
  readonly #ended: (Remembered | undefined)[] = new Array(maxEnded).fill(undefined);
  #oldest = 0;
  #next = 0;
  #endedCount = 0;
  #hasLog = false;
  #unheard = 0;

  constructor(options: EndpointAnswersOptions) {
    const { random = Math.random } = options;
    this.#options = options;
    this.#requests = new RequestsById({
      maxRequests: maxOpen + maxEnded,
      seed: Math.floor(random() * 2 ** 32),
    });
  }

  /** Whether a request is to be remembered whose answer is not measured: an access log may tell of it. */
  get awaitsLog(): boolean {
    return this.#hasLog || this.#unheard < maxUnheard;
  }

  picked(request: PickedAnswer): void {
    if (!this.#hasLog) this.#unheard++;
    this.#requests.add(new Remembered(request));
  }

  /** The pick's stream is over. `by`: who has told the lease of the answer, if anybody has. */
  streamOver(requestId: string, lease: Lease, by: "stream" | undefined): void {
    const found = this.#requests.find(requestId, (each) => (each.lease === lease ? 1 : -1));
    if (found === undefined) return;
    const isHeard = this.#hasLog || found.isMeasured || this.#endedCount < maxEndedUnlogged;
    if (by !== undefined || found.isReported || !isHeard) {
      this.#forget(found);
      return;
    }
    found.endedAtMs = this.#options.now();
    this.#keepEnded(found);
  }

  /** A line of an access log. */
  logged(entry: AccessLogEntry): void {
    this.#hasLog = true;
    const mirror = entry.header(mirrorHeader);
    const lane = mirror === undefined ? "primary" : "shadow";
    const pool = mirror === undefined ? "" : this.#options.poolOfMirror(mirror);
    if (pool === undefined) return;
    const { requestId } = entry;
    const destinations = entry.header(destinationHeader) ?? "";
    const picked = destinations.split(",", 1)[0]?.trim() ?? "";
    const found = this.#find({ lane, pool, requestId }, picked, ({ isLogged }) => !isLogged);
    if (found === undefined) return;
    found.isLogged = true;
    if (found.isReported) {
      this.#forgetEnded(found);
      return;
    }
    const { failed, last } = loggedAnswer(entry, destinations);
    for (const address of failed) found.state.recordAnswer(address, retriedAnswer);
    if (last !== undefined && found.isMeasured && isGood(last.answer)) {
      found.good = last;
      return;
    }
    this.#forgetEnded(found);
    if (last !== undefined) this.#report(found, last.address, last.answer);
  }

  legEnded(leg: Leg): void {
    if (leg.endpoint === undefined) return;
    const found = this.#find(leg, leg.endpoint, (each) => each.isMeasured && !each.isReported);
    if (found === undefined) return;
    found.isMeasured = false;
    const answer = measuredAnswer(leg);
    if (answer !== undefined) this.#report(found, leg.endpoint, answer);
    else this.#reportGood(found);
    if (found.isLogged) this.#forgetEnded(found);
  }

  /** Forgets requests that ended long ago; what their access log says of them is counted as it is. */
  expire(): void {
    const oldestMs = this.#options.now() - keptMs;
    while (this.#oldest < this.#next) {
      const request = this.#ended[this.#oldest & (maxEnded - 1)];
      if (request?.endedAtMs !== undefined && request.endedAtMs > oldestMs) return;
      this.#dropOldest();
    }
  }

  #report(found: Remembered, address: string, answer: EndpointAnswer): void {
    found.isReported = true;
    found.state.recordAnswer(address, answer, found.lease);
    if (answer.status === 404) this.#options.onNotFound(found.state.name, address);
  }

  #reportGood(request: Remembered): void {
    const { good, isReported } = request;
    if (good !== undefined && !isReported) this.#report(request, good.address, good.answer);
  }

  /** The oldest that waits for such an answer; of several with one id rather one that was sent to the endpoint. */
  #find(
    { lane, pool, requestId }: AnswerKey,
    address: string,
    isWaiting: (found: Remembered) => boolean,
  ): Remembered | undefined {
    return this.#requests.find(requestId, (each) => {
      // The access log does not say which pool a primary was picked in.
      if (each.lane !== lane || (lane === "shadow" && each.pool !== pool)) return -1;
      if (!isWaiting(each)) return -1;
      return (each.lease.endpoint === address ? 2 : 0) + (each.endedAtMs === undefined ? 0 : 1);
    });
  }

  #keepEnded(request: Remembered): void {
    if (this.#next - this.#oldest >= maxEnded) this.#dropOldest();
    request.place = this.#next & (maxEnded - 1);
    this.#ended[request.place] = request;
    this.#next++;
    this.#endedCount++;
  }

  /** What the access log said of it is counted as it is. */
  #dropOldest(): void {
    const request = this.#ended[this.#oldest & (maxEnded - 1)];
    this.#oldest++;
    if (request === undefined) return;
    this.#forget(request);
    this.#reportGood(request);
  }

  /** One whose stream is open is forgotten at its end. */
  #forgetEnded(request: Remembered): void {
    if (request.endedAtMs !== undefined) this.#forget(request);
  }

  #forget(request: Remembered): void {
    this.#requests.remove(request);
    if (request.place < 0) return;
    this.#ended[request.place] = undefined;
    request.place = -1;
    this.#endedCount--;
  }
}

/** How a leg ends whose endpoint has failed behind a status that does not say so. */
const failures: ReadonlySet<LegClass> = new Set<LegClass>([
  "timeout",
  "truncated",
  "stream_error",
  "malformed",
]);
/** Says nothing about the endpoint; of connections that failed the access log knows whose fault it was. */
const unknown: ReadonlySet<LegClass> = new Set<LegClass>([
  "connect",
  "client_cancelled",
  "propagated_cancel",
  "cap_cancelled",
]);

function measuredAnswer({ class: how, status, ttftMs }: Leg): EndpointAnswer | undefined {
  if (unknown.has(how)) return undefined;
  // A server's own 408 blames the client: an error, as the access log has it.
  if (failures.has(how) && status !== 408) return { status, ok: false };
  return ttftMs === undefined ? { status } : { status, ttftMs };
}

function isGood({ ok, status = 0 }: EndpointAnswer): boolean {
  return ok !== false && !isErrorStatus(status);
}
