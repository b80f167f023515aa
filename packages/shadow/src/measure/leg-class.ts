import type { AnswerMeasures } from "@umbra/openai/answers";
import type { Lane, LegClass } from "./leg.ts";

/** Facts about how a leg ended. */
export interface LegEnd {
  readonly lane: Lane;
  /** HTTP status; 0 if no response headers arrived. */
  readonly status: number;
  /** Envoy generated the answer, not a model server. */
  readonly isLocalReply: boolean;
  readonly isStream: boolean;
  /** Whether the end of the answer was seen. */
  readonly isEnded: boolean;
  /** Whether the leg reached its time limit. */
  readonly isOverdue: boolean;
  /** Which of Umbra's limits cut it short, if any. */
  readonly cutBy: "propagated_cancel" | "cap_cancelled" | undefined;
  /** Measures of the body; undefined if it could not be read. */
  readonly measures: AnswerMeasures | undefined;
}

/** Classifies a leg; each leg has exactly one class. */
export function legClassOf(end: LegEnd): LegClass {
  const { status, isEnded, isStream, measures } = end;
  // Clients often disconnect at an error inside a stream, so the way such a leg ended does not show why.
  const hasFailed = status >= 200 && status < 400 && measures?.hasError === true;
  if (hasFailed) return "stream_error";
  if (!isEnded && end.cutBy !== undefined) return end.cutBy;
  if (status === 0) return isEnded ? "connect" : cutShort(end, "connect");
  const byStatus = statusClass(status, end.isLocalReply);
  if (byStatus !== undefined) return byStatus;
  // Umbra stopped reading, so its end is unknown.
  if (measures?.isGivenUp === true) return "cap_cancelled";
  if (!isEnded) return cutShort(end, "truncated");
  if (measures === undefined) return "ok";
  const { isMalformed, isWhole, finishReason, tokenEvents } = measures;
  if (isMalformed) return "malformed";
  if (isStream && !isWhole && finishReason === undefined) return "truncated";
  // An embedding has neither tokens nor a finish reason. An answer with a finish reason but without tokens is empty.
  return tokenEvents === 0 && (isStream || finishReason !== undefined) ? "empty" : "ok";
}

/** Class of a leg that ended early: a primary was left by its client; a shadow has no client, so it failed. */
function cutShort({ lane, isOverdue }: LegEnd, otherwise: LegClass): LegClass {
  if (lane === "primary") return "client_cancelled";
  return isOverdue ? "timeout" : otherwise;
}

function statusClass(status: number, isLocalReply: boolean): LegClass | undefined {
  if (status < 400) return undefined;
  if (status === 401 || status === 403) return "auth";
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  if (status === 408 || status === 504) return "timeout";
  if (status < 500) return "bad_request";
  // A 503 from Envoy means that no endpoint answered; one from a model server means that it is saturated.
  if (status === 503) return isLocalReply ? "connect" : "overloaded";
  return "server_error";
}
