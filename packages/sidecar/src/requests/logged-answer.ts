import { type AccessLogEntry, responseFlag } from "@umbra/ext-proc";
import type { EndpointAnswer } from "@umbra/scheduler";

/** Results of the tried endpoints in one access log line. */
export interface LoggedAnswer {
  /** Endpoints that failed before the request was retried on another. */
  readonly failed: readonly string[];
  /** The result of the last tried endpoint; undefined if the line does not contain it. */
  readonly last: { readonly address: string; readonly answer: EndpointAnswer } | undefined;
}

/**
 * The result recorded for an endpoint before a retry. A line only contains the result of the last attempt, not the
 * reason for the retry: no connection, a reset, or a retried status. So it counts like an answer of a saturated
 * endpoint, which is a failure only if the endpoint's metrics show no waiting and no running requests.
 */
export const retriedAnswer: EndpointAnswer = { status: 503 };

/** Flags for a failure of the endpoint or the connection to it. */
const endpointFlags = flagsOf(
  responseFlag.upstreamRequestTimeout,
  responseFlag.upstreamRemoteReset,
  responseFlag.upstreamConnectionFailure,
  responseFlag.upstreamConnectionTermination,
  responseFlag.upstreamMaxStreamDurationReached,
  responseFlag.upstreamProtocolError,
);
/** Flags for a client that disconnected or violated the protocol. */
const clientFlags = flagsOf(
  responseFlag.downstreamConnectionTermination,
  responseFlag.downstreamProtocolError,
  responseFlag.downstreamRemoteReset,
);
const idleFlag = flagsOf(responseFlag.streamIdleTimeout);
/** Envoy's status if the endpoint was silent; if the client was silent, it is 408. */
const gatewayTimeout = 504;
/** Maximum endpoints in a pick; the rest of a longer list is ignored. */
const mostDestinations = 8;

/**
 * Parses the result of a picked request. Envoy's own refusals and disconnected clients have no information about the endpoint.
 *
 * @param picked the picked endpoints, best first, separated by commas; each attempt uses the next one
 */
export function loggedAnswer(entry: AccessLogEntry, picked: string): LoggedAnswer {
  const destinations = picked.split(",", mostDestinations).map((each) => each.trim());
  const tried = destinations.slice(0, Math.max(0, entry.attempts - 1));
  const address = entry.upstreamAddress || destinations[Math.max(0, entry.attempts - 1)] || "";
  const failed = tried.filter((each) => each !== address);
  const answer = answerOf(entry);
  return { failed, last: answer === undefined ? undefined : { address, answer } };
}

function answerOf({ flags, status, details }: AccessLogEntry): EndpointAnswer | undefined {
  if ((flags & clientFlags) !== 0) return undefined;
  if ((flags & endpointFlags) !== 0) return { ok: false };
  if ((flags & idleFlag) !== 0) return status === gatewayTimeout ? { ok: false } : undefined;
  return answeredByEndpoint(status, details);
}

/** Undefined if the gateway answered itself. */
export function answeredByEndpoint(status: number, details: string): EndpointAnswer | undefined {
  return details === "via_upstream" && status > 0 ? { status } : undefined;
}

function flagsOf(...numbers: readonly number[]): number {
  return numbers.reduce((flags, number) => flags | (1 << number), 0);
}
