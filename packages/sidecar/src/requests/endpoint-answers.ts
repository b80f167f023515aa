import { type EndpointAnswer, isErrorStatus } from "@umbra/scheduler";
import type { Leg, LegClass } from "@umbra/shadow";
import type { RequestObserver } from "../decision/request-observer.ts";
import type { LiveLeg, LiveRequest } from "./live-request.ts";
import { loggedAnswer, retriedAnswer } from "./logged-answer.ts";

/**
 * Reports each answer once to its pool's health tracking, from the source that sees it first: Envoy's access log or
 * the observe stream. Skips answers that the pick stream already reported.
 *
 * @param onNotFound called when an endpoint answers 404: it may have unloaded the model since its list was read
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
      // Only the measured answer shows whether it was good.
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

/** Results of legs whose endpoint failed despite a success status. */
const failures: ReadonlySet<LegClass> = new Set<LegClass>([
  "timeout",
  "truncated",
  "stream_error",
  "malformed",
]);
/** Has no information about the endpoint. For failed connections, the access log shows who caused it. */
const unknown: ReadonlySet<LegClass> = new Set<LegClass>([
  "connect",
  "client_cancelled",
  "propagated_cancel",
  "cap_cancelled",
]);

function measuredAnswer({ class: how, status, ttftMs }: Leg): EndpointAnswer | undefined {
  if (unknown.has(how)) return undefined;
  // A model server's own 408 counts as an error, as in the access log.
  if (failures.has(how) && status !== 408) return { status, ok: false };
  return ttftMs === undefined ? { status } : { status, ttftMs };
}

function isGood({ ok, status = 0 }: EndpointAnswer): boolean {
  return ok !== false && !isErrorStatus(status);
}
