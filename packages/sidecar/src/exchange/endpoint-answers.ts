import { destinationHeader, mirrorHeader } from "@umbra/envoy-config";
import type { AccessLogEntry } from "@umbra/ext-proc";
import { type EndpointAnswer, isErrorStatus, type Lease, type PoolState } from "@umbra/scheduler";
import type { Leg, LegClass } from "@umbra/shadow";
import { createRequestsById, type TabledRequest } from "../requests/requests-by-id.ts";
import { type LoggedAnswer, loggedAnswer, retriedAnswer } from "./logged-answer.ts";
import type { Lane } from "./request-account.ts";

/**
 * Brings each answer to the health of its pool, once, from whoever sees it first: the access log of an Envoy, the
 * observe stream, or the pick's own stream.
 */
export interface EndpointAnswers {
  picked(request: PickedAnswer): void;
  /** The pick's stream is over. `isReported`: it has seen the answer itself, and told the lease. */
  over(requestId: string, lease: Lease, isReported: boolean): void;
  /** A line of an access log. */
  logged(entry: AccessLogEntry): void;
  /** An answer that was measured. */
  measured(leg: Leg): void;
  /** Forgets requests that ended long ago; what their access log says of them is counted as it is. */
  expire(): void;
}

/** One request on one lane: a twin has its primary's id. */
export interface AnswerKey {
  readonly lane: Lane;
  readonly pool: string;
  readonly requestId: string;
}

/** Requests may share an id, but no lease. */
export interface EndedAnswer extends AnswerKey {
  readonly lease: Lease;
}

export interface PickedAnswer extends EndedAnswer {
  readonly state: PoolState;
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
class Remembered implements EndedAnswer, TabledRequest {
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
/** A line of an access log comes some ms behind the request's end, a measured leg some seconds. */
const keptMs = 10_000;

export function createEndpointAnswers(options: EndpointAnswersOptions): EndpointAnswers {
  const { poolOfMirror, onNotFound, now, random = Math.random } = options;
  const requests = createRequestsById<Remembered>({
    maxRequests: maxOpen + maxEnded,
    seed: Math.floor(random() * 2 ** 32),
  });
  /** A ring of those that have ended, from `oldest` to `next`. */
  const ended: (Remembered | undefined)[] = new Array(maxEnded).fill(undefined);
  let oldest = 0;
  let next = 0;
  let endedCount = 0;
  let hasLog = false;

  function report(found: Remembered, address: string, answer: EndpointAnswer): void {
    found.isReported = true;
    found.state.recordAnswer(address, answer, found.lease);
    if (answer.status === 404) onNotFound(found.state.name, address);
  }

  function reportGood(request: Remembered): void {
    const { good, isReported } = request;
    if (good !== undefined && !isReported) report(request, good.address, good.answer);
  }

  /** The oldest that waits for such an answer; of several with one id rather one that was sent to the endpoint. */
  function find(
    { lane, pool, requestId }: AnswerKey,
    address: string,
    isWaiting: (found: Remembered) => boolean,
  ): Remembered | undefined {
    return requests.find(requestId, (each) => {
      // The access log does not say which pool a primary was picked in.
      if (each.lane !== lane || (lane === "shadow" && each.pool !== pool)) return -1;
      if (!isWaiting(each)) return -1;
      return (each.lease.endpoint === address ? 2 : 0) + (each.endedAtMs === undefined ? 0 : 1);
    });
  }

  function keepEnded(request: Remembered): void {
    if (next - oldest >= maxEnded) dropOldest();
    request.place = next & (maxEnded - 1);
    ended[request.place] = request;
    next++;
    endedCount++;
  }

  /** What the access log said of it is counted as it is. */
  function dropOldest(): void {
    const request = ended[oldest & (maxEnded - 1)];
    oldest++;
    if (request === undefined) return;
    forget(request);
    reportGood(request);
  }

  function forget(request: Remembered): void {
    requests.remove(request);
    if (request.place < 0) return;
    ended[request.place] = undefined;
    request.place = -1;
    endedCount--;
  }

  return {
    picked(request) {
      requests.add(new Remembered(request));
    },

    over(requestId, lease, isReported) {
      const found = requests.find(requestId, (each) => (each.lease === lease ? 1 : -1));
      if (found === undefined) return;
      const isHeard = hasLog || found.isMeasured || endedCount < maxEndedUnlogged;
      if (isReported || found.isReported || !isHeard) {
        forget(found);
        return;
      }
      found.endedAtMs = now();
      keepEnded(found);
    },

    logged(entry) {
      hasLog = true;
      const mirror = entry.header(mirrorHeader);
      const lane = mirror === undefined ? "primary" : "shadow";
      const pool = mirror === undefined ? "" : poolOfMirror(mirror);
      if (pool === undefined) return;
      const { requestId } = entry;
      const destinations = entry.header(destinationHeader) ?? "";
      const picked = destinations.split(",", 1)[0]?.trim() ?? "";
      const found = find({ lane, pool, requestId }, picked, ({ isLogged }) => !isLogged);
      if (found === undefined) return;
      found.isLogged = true;
      if (found.isReported) {
        forgetEnded(found);
        return;
      }
      const { failed, last } = loggedAnswer(entry, destinations);
      for (const address of failed) found.state.recordAnswer(address, retriedAnswer);
      if (last !== undefined && found.isMeasured && isGood(last.answer)) {
        found.good = last;
        return;
      }
      forgetEnded(found);
      if (last !== undefined) report(found, last.address, last.answer);
    },

    measured(leg) {
      if (leg.endpoint === undefined) return;
      const found = find(leg, leg.endpoint, (each) => each.isMeasured && !each.isReported);
      if (found === undefined) return;
      found.isMeasured = false;
      const answer = measuredAnswer(leg);
      if (answer !== undefined) report(found, leg.endpoint, answer);
      else reportGood(found);
      if (found.isLogged) forgetEnded(found);
    },

    expire() {
      const oldestMs = now() - keptMs;
      while (oldest < next) {
        const request = ended[oldest & (maxEnded - 1)];
        if (request?.endedAtMs !== undefined && request.endedAtMs > oldestMs) return;
        dropOldest();
      }
    },
  };

  /** One whose stream is open is forgotten at its end. */
  function forgetEnded(request: Remembered): void {
    if (request.endedAtMs !== undefined) forget(request);
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
