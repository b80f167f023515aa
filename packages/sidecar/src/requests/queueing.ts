import { controlHeaders } from "@umbra/envoy-config";
import type { Decision, Headers, PendingDecision } from "@umbra/ext-proc";
import { type InferenceRequest, type PickResult, priorityOf } from "@umbra/scheduler";
import type { FlowErrorCode, FlowQueue } from "@umbra/scheduler/flow";
import { controlHeader, wantedMs } from "../decision/control-headers.ts";
import { errorReply } from "../decision/error-reply.ts";
import { type RequestErrorCode, refusalMessage, refusals } from "../decision/refusals.ts";
import type { ServedPool } from "../pools/served-pool.ts";

const maxFairnessIdLength = 256;

export interface Waiting {
  readonly pool: ServedPool;
  readonly queue: FlowQueue;
  readonly request: InferenceRequest;
  readonly headers: Headers;
  /** The endpoint's path, without the query. */
  readonly path: string;
  /** Memory that the request holds while it waits. */
  readonly bytes: number;
  /** Maximum time that the gateway waits, in ms. */
  readonly maxWaitMs: number;
  readonly now: () => number;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
  /** Picks for the request when it is its turn. Called with the pick before anything else happens. */
  readonly onPicked: (picked: PickResult) => void;
  /** Called for a request that had its turn. */
  readonly decide: (picked: PickResult, waitedMs: number) => Decision;
  /** Called for a request that was refused. */
  readonly refuse: (code: RequestErrorCode, reason: FlowErrorCode, waitedMs: number) => void;
}

/** Waits for the request's turn in the pool's queue. */
export function waitForTurn(waiting: Waiting): PendingDecision {
  const { pool, queue, request, headers, path, bytes, now, signal } = waiting;
  const fairnessId = controlHeader(headers, controlHeaders.fairness)?.slice(0, maxFairnessIdLength);
  const withinMs = wantedMs(headers, controlHeaders.ttft);
  const take = (): PickResult | undefined => {
    const picked = pool.state.pick(request);
    // Still saturated: the request stays first in the queue.
    if (!picked.ok && picked.code === "POOL_SATURATED") return undefined;
    waiting.onPicked(picked);
    return picked;
  };
  const turn = queue.acquire(
    {
      priority: priorityOf(request),
      bytes,
      ...(fairnessId === undefined ? {} : { fairnessId }),
      ...(withinMs === undefined ? {} : { deadlineMs: now() + withinMs }),
    },
    take,
    { signal },
  );
  return {
    kind: "pending",
    limitMs: waiting.maxWaitMs,
    decided: turn.then((outcome) => {
      if (outcome.ok) return waiting.decide(outcome.value, outcome.waitedMs);
      const refusal = refusals[outcome.code];
      const { code, dropped } = refusal;
      waiting.refuse(code, outcome.code, outcome.waitedMs);
      const retryAfterSeconds = Math.ceil(outcome.retryAfterMs / 1_000);
      const requestId = headers.get("x-request-id");
      const message = refusalMessage(refusal, pool.state.knownLoad());
      return errorReply(code, message, { retryAfterSeconds, dropped, requestId, path });
    }),
  };
}
