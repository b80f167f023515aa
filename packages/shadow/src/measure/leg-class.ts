import type { AnswerMeasures } from "@umbra/openai/answers";
import type { Lane, LegClass } from "./leg.ts";

/** All that tells how a leg ended. */
export interface LegEnd {
  readonly lane: Lane;
  /** 0 when no response headers came. */
  readonly status: number;
  /** Envoy made the answer itself: no model server did. */
  readonly isLocalReply: boolean;
  readonly isStream: boolean;
  /** The answer's end was seen. */
  readonly isEnded: boolean;
  /** The leg took as long as it may. */
  readonly isOverdue: boolean;
  /** Who cut it short, when it was one of us. */
  readonly cutBy: "propagated_cancel" | "cap_cancelled" | undefined;
  /** Undefined when the body could not be read. */
  readonly measures: AnswerMeasures | undefined;
}

/** Exactly one class for each leg. */
export function legClassOf(end: LegEnd): LegClass {
  const { status, isEnded, isStream, measures } = end;
  // Clients leave at an error inside a stream: who ends the leg then says nothing of why.
  const hasFailed = status >= 200 && status < 400 && measures?.hasError === true;
  if (hasFailed) return "stream_error";
  if (!isEnded && end.cutBy !== undefined) return end.cutBy;
  if (status === 0) return isEnded ? "connect" : cutShort(end, "connect");
  const byStatus = statusClass(status, end.isLocalReply);
  if (byStatus !== undefined) return byStatus;
  // Not read to its end by us: how it ends is not known.
  if (measures?.isGivenUp === true) return "cap_cancelled";
  if (!isEnded) return cutShort(end, "truncated");
  if (measures === undefined) return "ok";
  const { isMalformed, isWhole, finishReason, tokenEvents } = measures;
  if (isMalformed) return "malformed";
  if (isStream && !isWhole && finishReason === undefined) return "truncated";
  // An embedding has neither tokens nor a reason to finish; what says it is finished and has none is empty.
  return tokenEvents === 0 && (isStream || finishReason !== undefined) ? "empty" : "ok";
}

/** A primary that ends early was left by its client; nobody waits for a shadow but us. */
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
  // Envoy's own 503 says that nobody answered, a model server's that it is full.
  if (status === 503) return isLocalReply ? "connect" : "overloaded";
  return "server_error";
}
