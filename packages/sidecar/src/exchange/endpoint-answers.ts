import { destinationHeader, mirrorHeader } from "@umbra/envoy-config";
import type { AccessLogEntry } from "@umbra/ext-proc";
import type { EndpointAnswer, Lease, PoolState } from "@umbra/scheduler";
import type { Leg, LegClass } from "@umbra/shadow";
import { type LoggedAnswer, loggedAnswer, retriedAnswer } from "./logged-answer.ts";
import type { Lane } from "./request-account.ts";

/**
 * Brings each answer to the health of its pool, once, from whoever sees it first: the access log of an Envoy, the
 * observe stream, or the pick's own stream.
 */
export interface EndpointAnswers {
  picked(request: PickedAnswer): void;
  /** The pick's stream is over. `isReported`: it has seen the answer itself, and told the lease. */
  over(request: AnswerKey, isReported: boolean): void;
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

export interface PickedAnswer extends AnswerKey {
  readonly state: PoolState;
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
}

interface Remembered {
  readonly pool: PoolState;
  readonly lease: Lease;
  /** A measured answer is still to come. */
  isMeasured: boolean;
  endedAtMs: number;
  isReported: boolean;
  /** What the access log says of a measured request: counted when no measured answer comes. */
  good: LoggedAnswer["last"];
}

/** In flight, or ended and not heard of yet; of each the oldest is forgotten. */
const maxOpen = 65_536;
const maxEnded = 8_192;
/** A line of an access log comes some ms behind the request's end, a measured leg some seconds. */
const keptMs = 10_000;

export function createEndpointAnswers(options: EndpointAnswersOptions): EndpointAnswers {
  const { poolOfMirror, onNotFound, now } = options;
  const open = new Map<string, Remembered>();
  const ended = new Map<string, Remembered>();

  function report(found: Remembered, key: string, address: string, answer: EndpointAnswer): void {
    found.isReported = true;
    found.pool.recordAnswer(address, answer, found.lease);
    if (answer.status === 404) onNotFound(found.pool.name, address);
    ended.delete(key);
  }

  function forget(key: string, found: Remembered): void {
    ended.delete(key);
    if (found.good !== undefined) report(found, key, found.good.address, found.good.answer);
  }

  return {
    picked({ state: pool, lease, isMeasured, ...key }) {
      const remembered = { pool, lease, isMeasured, endedAtMs: 0, isReported: false };
      open.set(keyOf(key), { ...remembered, good: undefined });
      if (open.size > maxOpen) forgetOldest(open);
    },

    over(request, isReported) {
      const key = keyOf(request);
      const found = open.get(key);
      if (found === undefined) return;
      open.delete(key);
      if (isReported || found.isReported) return;
      found.endedAtMs = now();
      ended.set(key, found);
      if (ended.size <= maxEnded) return;
      for (const [oldest, pushedOut] of ended) {
        forget(oldest, pushedOut);
        return;
      }
    },

    logged(entry) {
      const mirror = entry.header(mirrorHeader);
      const lane = mirror === undefined ? "primary" : "shadow";
      const pool = mirror === undefined ? "" : poolOfMirror(mirror);
      if (pool === undefined) return;
      const key = keyOf({ lane, pool, requestId: entry.requestId });
      const found = open.get(key) ?? ended.get(key);
      if (found === undefined || found.isReported) return;
      const { failed, last } = loggedAnswer(entry, entry.header(destinationHeader) ?? "");
      for (const address of failed) found.pool.recordAnswer(address, retriedAnswer);
      if (last === undefined) ended.delete(key);
      else if (found.isMeasured && isGood(last.answer)) found.good = last;
      else report(found, key, last.address, last.answer);
    },

    measured(leg) {
      const key = keyOf(leg);
      const found = open.get(key) ?? ended.get(key);
      if (found === undefined || found.isReported) return;
      const answer = measuredAnswer(leg);
      if (leg.endpoint !== undefined && answer !== undefined) {
        report(found, key, leg.endpoint, answer);
      } else if (found.good !== undefined) {
        report(found, key, found.good.address, found.good.answer);
      } else found.isMeasured = false;
    },

    expire() {
      const oldestMs = now() - keptMs;
      for (const [key, found] of ended) {
        if (found.endedAtMs > oldestMs) return;
        forget(key, found);
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

function forgetOldest(requests: Map<string, Remembered>): void {
  const oldest = requests.keys().next();
  if (!oldest.done) requests.delete(oldest.value);
}
