import type { Decision, Headers, PendingDecision } from "@umbra/ext-proc";
import { type InferenceRequest, type PickResult, priorityOf } from "@umbra/scheduler";
import type { FlowErrorCode, FlowQueue } from "@umbra/scheduler/flow";
import { errorReply, type RequestErrorCode } from "../openai/error-reply.ts";
import type { ServedPool } from "./pool-registry.ts";

/** Envoy waits no longer than `maxQueueMs` of its bootstrap. */
const longestWaitMs = 300_000;

/** Tenants, by the reference endpoint picker's header and its older name. */
const fairnessHeaders = [
  "x-llm-d-inference-fairness-id",
  "x-gateway-inference-fairness-id",
] as const;
const deadlineHeaders = ["x-llm-d-slo-ttft-ms", "x-slo-ttft-ms"] as const;
const maxFairnessIdLength = 256;

export interface Waiting {
  readonly pool: ServedPool;
  readonly queue: FlowQueue;
  readonly request: InferenceRequest;
  readonly headers: Headers;
  readonly bytes: number;
  readonly now: () => number;
  /** The client is gone. */
  readonly signal: AbortSignal;
  /** Picks for the request, once it is its turn; told of what it has picked before anything else happens. */
  readonly onPicked: (picked: PickResult) => void;
  /** What becomes of a request that has had its turn. */
  readonly decide: (picked: PickResult, waitedMs: number) => Decision;
  /** What becomes of one that has not. */
  readonly refuse: (code: RequestErrorCode, reason: FlowErrorCode, waitedMs: number) => void;
}

/** Lets a request wait for its turn in the pool's queue. */
export function waitForTurn(waiting: Waiting): PendingDecision {
  const { pool, queue, request, headers, bytes, now, signal } = waiting;
  const fairnessId = first(headers, fairnessHeaders)?.slice(0, maxFairnessIdLength);
  const withinMs = Number(first(headers, deadlineHeaders) ?? Number.NaN);
  const take = (): PickResult | undefined => {
    const picked = pool.state.pick(request);
    // Full after all: it stays the first.
    if (!picked.ok && picked.code === "POOL_SATURATED") return undefined;
    waiting.onPicked(picked);
    return picked;
  };
  const turn = queue.acquire(
    {
      priority: priorityOf(request),
      bytes,
      ...(fairnessId === undefined ? {} : { fairnessId }),
      ...(withinMs >= 0 ? { deadlineMs: now() + withinMs } : {}),
    },
    take,
    { signal },
  );
  return {
    kind: "pending",
    limitMs: longestWaitMs,
    decided: turn.then((outcome) => {
      if (outcome.ok) return waiting.decide(outcome.value, outcome.waitedMs);
      const { code, message } = refusals[outcome.code];
      waiting.refuse(code, outcome.code, outcome.waitedMs);
      return errorReply(code, message, Math.ceil(outcome.retryAfterMs / 1_000));
    }),
  };
}

function first(headers: Headers, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = headers.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

const refusals: Readonly<
  Record<FlowErrorCode, { readonly code: RequestErrorCode; readonly message: string }>
> = {
  QUEUE_FULL: { code: "overloaded", message: "the pool is full, and so is its queue" },
  EVICTED: {
    code: "overloaded",
    message:
      "the pool's queue is full, and a request of a higher priority has taken this one's place",
  },
  TTL_EXPIRED: {
    code: "overloaded",
    message: "the pool was full for as long as this request may wait",
  },
  NO_ENDPOINTS: {
    code: "no_ready_endpoints",
    message: "the pool had no endpoint for as long as this request may wait",
  },
  CANCELLED: { code: "overloaded", message: "the client has gone away" },
  SHUTTING_DOWN: { code: "no_ready_endpoints", message: "the picker is shutting down" },
};
