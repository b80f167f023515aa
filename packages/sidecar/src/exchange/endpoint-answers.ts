import { destinationHeader, mirrorHeader } from "@umbra/envoy-config";
import type { AccessLogEntry } from "@umbra/ext-proc";
import type { EndpointAnswer, Lease, PoolState } from "@umbra/scheduler";
import type { Leg, LegClass } from "@umbra/shadow";
import { type LoggedAnswer, loggedAnswer, retriedAnswer } from "./logged-answer.ts";
import type { Lane } from "./request-account.ts";
import { createRequestsById } from "./requests-by-id.ts";

/**
 * Brings each answer to the health of its pool, once, from whoever sees it first: the access log of an Envoy, the
 * observe stream, or the pick's own stream.
 */
export interface EndpointAnswers {
  picked(request: PickedAnswer): void;
  /** The pick's stream is over. `isReported`: it has seen the answer itself, and told the lease. */
  over(request: EndedAnswer, isReported: boolean): void;
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
}

interface Remembered {
  readonly pool: PoolState;
  readonly lease: Lease;
  /** A measured answer is still to come. */
  isMeasured: boolean;
  endedAtMs: number;
  isReported: boolean;
  /** A line of the access log was found for it: the next one is of another request with the same id. */
  isLogged: boolean;
  /** What the access log says of a measured request: counted when no measured answer comes. */
  good: LoggedAnswer["last"];
}

/** Ids of requests in flight, and of those that ended and are not heard of yet; of each the oldest is forgotten. */
const maxOpen = 65_536;
const maxEnded = 8_192;
/** A line of an access log comes some ms behind the request's end, a measured leg some seconds. */
const keptMs = 10_000;

export function createEndpointAnswers(options: EndpointAnswersOptions): EndpointAnswers {
  const { poolOfMirror, onNotFound, now } = options;
  const open = createRequestsById<Remembered>();
  const ended = createRequestsById<Remembered>();

  function report(found: Remembered, address: string, answer: EndpointAnswer): void {
    found.isReported = true;
    found.pool.recordAnswer(address, answer, found.lease);
    if (answer.status === 404) onNotFound(found.pool.name, address);
  }

  function reportGood(found: Remembered | undefined): void {
    if (found?.good !== undefined) report(found, found.good.address, found.good.answer);
  }

  /** The oldest that waits for such an answer; of several with one id rather one that was sent to the endpoint. */
  function find(key: string, address: string, isWaiting: (found: Remembered) => boolean) {
    const found = [...ended.of(key), ...open.of(key)].filter(isWaiting);
    return found.find(({ lease }) => lease.endpoint === address) ?? found[0];
  }

  return {
    picked({ state: pool, lease, isMeasured, ...key }) {
      const remembered = { pool, lease, isMeasured, endedAtMs: 0, isReported: false };
      open.add(keyOf(key), { ...remembered, isLogged: false, good: undefined });
      if (open.ids > maxOpen) open.removeOldest();
    },

    over({ lease, ...request }, isReported) {
      const key = keyOf(request);
      const found = open.of(key).find((each) => each.lease === lease);
      if (found === undefined) return;
      open.remove(key, found);
      if (isReported || found.isReported) return;
      found.endedAtMs = now();
      reportGood(ended.add(key, found));
      if (ended.ids > maxEnded) for (const oldest of ended.removeOldest()) reportGood(oldest);
    },

    logged(entry) {
      const mirror = entry.header(mirrorHeader);
      const lane = mirror === undefined ? "primary" : "shadow";
      const pool = mirror === undefined ? "" : poolOfMirror(mirror);
      if (pool === undefined) return;
      const key = keyOf({ lane, pool, requestId: entry.requestId });
      const destinations = entry.header(destinationHeader) ?? "";
      const picked = destinations.split(",", 1)[0]?.trim() ?? "";
      const found = find(key, picked, ({ isLogged }) => !isLogged);
      if (found === undefined) return;
      found.isLogged = true;
      if (found.isReported) {
        ended.remove(key, found);
        return;
      }
      const { failed, last } = loggedAnswer(entry, destinations);
      for (const address of failed) found.pool.recordAnswer(address, retriedAnswer);
      if (last !== undefined && found.isMeasured && isGood(last.answer)) {
        found.good = last;
        return;
      }
      ended.remove(key, found);
      if (last !== undefined) report(found, last.address, last.answer);
    },

    measured(leg) {
      if (leg.endpoint === undefined) return;
      const key = keyOf(leg);
      const found = find(key, leg.endpoint, (each) => each.isMeasured && !each.isReported);
      if (found === undefined) return;
      found.isMeasured = false;
      const answer = measuredAnswer(leg);
      if (answer !== undefined) report(found, leg.endpoint, answer);
      else reportGood(found);
      if (found.isLogged) ended.remove(key, found);
    },

    expire() {
      const oldestMs = now() - keptMs;
      for (const found of ended.removeWhile(({ endedAtMs }) => endedAtMs <= oldestMs)) {
        if (!found.isReported) reportGood(found);
      }
    },
  };
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
  return ok !== false && status < 400;
}

function keyOf({ lane, pool, requestId }: AnswerKey): string {
  return lane === "primary" ? requestId : `${pool} ${requestId}`;
}
