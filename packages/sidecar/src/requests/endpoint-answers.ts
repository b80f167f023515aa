import { type EndpointAnswer, isErrorStatus } from "@umbra/scheduler";
import type { Leg, LegClass } from "@umbra/shadow";
import type { RequestObserver } from "../decision/request-observer.ts";
import type { LiveLeg, LiveRequest } from "./live-request.ts";
import { loggedAnswer, retriedAnswer } from "./logged-answer.ts";

/**
 * Brings each answer to the health of its pool, once, from whoever sees it first: the access log of an Envoy or the
 * observe stream. What the pick's own stream has seen is not reported again.
 *
 * @param onNotFound an endpoint has answered 404: the model may have gone from it since its list was read
 */
export function createEndpointAnswers(
  onNotFound: (pool: string, address: string) => void,
): RequestObserver<LiveRequest> {
  function report(leg: LiveLeg, address: string, answer: EndpointAnswer): void {
    if (leg.isReported || leg.pool === undefined) return;
    leg.isReported = true;
    leg.pool.recordAnswer(address, answer, leg.lease);
    if (answer.status === 404) onNotFound(leg.pool.name, address);
  }

  function reportGood(leg: LiveLeg): void {
    if (leg.good !== undefined) report(leg, leg.good.address, leg.good.answer);
  }

  return {
    logged(line, destinations, mirror, request) {
      const leg = request.legOf(mirror);
      if (leg === undefined || leg.isReported) return;
      const { failed, last } = loggedAnswer(line, destinations);
      for (const address of failed) leg.pool?.recordAnswer(address, retriedAnswer);
      if (last === undefined) return;
      // Only the measured answer tells whether it was good.
      if (leg.measured?.hasEnded === false && isGood(last.answer)) leg.good = last;
      else report(leg, last.address, last.answer);
    },
    legEnded(ended, mirror, request) {
      const leg = request.legOf(mirror);
      if (leg?.measured === undefined || ended.endpoint === undefined) return;
      const answer = measuredAnswer(ended);
      if (answer !== undefined) report(leg, ended.endpoint, answer);
      else reportGood(leg);
    },
    over(request) {
      reportGood(request);
      for (const twin of request.twins) reportGood(twin);
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
  return ok !== false && !isErrorStatus(status);
}
