import { type AccessLogEntry, responseFlag } from "@umbra/ext-proc";
import type { EndpointAnswer } from "@umbra/scheduler";

/** What one line of an access log says about the endpoints that were tried. */
export interface LoggedAnswer {
  /** Endpoints that were tried first and did not serve, so that the request went on to another. */
  readonly failed: readonly string[];
  /** Of the endpoint that was tried last; undefined where the line says nothing about it. */
  readonly last: { readonly address: string; readonly answer: EndpointAnswer } | undefined;
}

/**
 * How an endpoint counts that was tried first. A line tells how the last attempt ended, not why there was one: no
 * connection, a reset, or a status that the route retries. So it is what a full endpoint answers, which is a failure
 * only where the endpoint's metrics show nothing waiting and nothing running.
 */
export const retriedAnswer: EndpointAnswer = { status: 503 };

/** The endpoint, or the way to it, has failed. */
const endpointFlags = flagsOf(
  responseFlag.upstreamRequestTimeout,
  responseFlag.upstreamRemoteReset,
  responseFlag.upstreamConnectionFailure,
  responseFlag.upstreamConnectionTermination,
  responseFlag.upstreamMaxStreamDurationReached,
  responseFlag.upstreamProtocolError,
);
/** The client has left, or has broken the protocol. */
const clientFlags = flagsOf(
  responseFlag.downstreamConnectionTermination,
  responseFlag.downstreamProtocolError,
  responseFlag.downstreamRemoteReset,
);
const idleFlag = flagsOf(responseFlag.streamIdleTimeout);
/** What Envoy answers where the endpoint was silent; where the client was, it answers 408. */
const gatewayTimeout = 504;
/** Endpoints that a pick names; of a longer list the rest is not read. */
const mostDestinations = 8;

/**
 * Reads how a picked request ended. Envoy's own refusals and clients that leave say nothing about the endpoint.
 *
 * @param picked the endpoints of the pick, best first, comma separated: each attempt takes the next one
 */
export function loggedAnswer(entry: AccessLogEntry, picked: string): LoggedAnswer {
  // Nearly every line: the first attempt was the last.
  if (entry.attempts <= 1 && entry.upstreamAddress !== "") {
    return { failed: noneFailed, last: lastOf(entry.upstreamAddress, entry) };
  }
  const destinations = picked.split(",", mostDestinations).map((each) => each.trim());
  const tried = destinations.slice(0, Math.max(0, entry.attempts - 1));
  const address = entry.upstreamAddress || destinations[Math.max(0, entry.attempts - 1)] || "";
  const failed = tried.filter((each) => each !== address);
  return { failed, last: lastOf(address, entry) };
}

const noneFailed: readonly string[] = [];

function lastOf(address: string, entry: AccessLogEntry): LoggedAnswer["last"] {
  const answer = answerOf(entry);
  return answer === undefined ? undefined : { address, answer };
}

function answerOf({ flags, status, details }: AccessLogEntry): EndpointAnswer | undefined {
  if ((flags & clientFlags) !== 0) return undefined;
  if ((flags & endpointFlags) !== 0) return { ok: false };
  if ((flags & idleFlag) !== 0) return status === gatewayTimeout ? { ok: false } : undefined;
  return answeredByEndpoint(status, details);
}

/** Undefined where the gateway has answered in the endpoint's place. */
export function answeredByEndpoint(status: number, details: string): EndpointAnswer | undefined {
  return details === "via_upstream" && status > 0 ? { status } : undefined;
}

function flagsOf(...numbers: readonly number[]): number {
  return numbers.reduce((flags, number) => flags | (1 << number), 0);
}
