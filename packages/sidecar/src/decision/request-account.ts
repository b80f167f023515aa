import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { SchedulingErrorCode } from "@umbra/scheduler";
import type { FlowErrorCode } from "@umbra/scheduler/flow";
import type { Leg } from "@umbra/shadow";
import type { RequestErrorCode } from "./refusals.ts";

export type Lane = "primary" | "shadow";
/** `model_list`: Umbra answered `GET /v1/models` itself. */
export type PickOutcome = "picked" | "model_list" | RequestErrorCode;

export function isRefusal(outcome: PickOutcome): outcome is RequestErrorCode {
  return outcome !== "picked" && outcome !== "model_list";
}

/** The decision about one request, the source of metrics, traces and logs. Contains names and numbers, no text. */
export interface MadeDecision {
  readonly outcome: PickOutcome;
  /** The detailed reason if the scheduler or the queue refused. */
  readonly reason?: SchedulingErrorCode | FlowErrorCode | undefined;
  /** Time from the complete request to the decision, without the time in the queue, in ms. */
  readonly tookMs: number;
  /** Time in the queue, in ms; absent if the pool has no queue. */
  readonly waitedMs?: number | undefined;
  /** The client's model name; absent if the body has none or was not read. */
  readonly model?: string | undefined;
  /** The model name sent to the endpoint. */
  readonly target?: string | undefined;
  readonly priority?: number | undefined;
  readonly isStream?: boolean | undefined;
  readonly bodyBytes?: number | undefined;
  readonly endpoint?: string | undefined;
  /** True if its answer is measured, so that a leg will report it. */
  readonly isMeasured?: boolean | undefined;
}

/** Records what happens to one request. On the hot path: each call must be cheap. */
export interface RequestAccount {
  /** Its headers arrived. `path` is the endpoint's, without the query. */
  arrived(headers: Headers, path: string): void;
  /** Called once. Returns additional headers for the endpoint. */
  decided(made: MadeDecision): readonly HeaderEntry[];
  /** Its stream ended. Called once. */
  ended(outcome: StreamOutcome): void;
  /** Its measured answer ended, before or after its stream. */
  answered(leg: Leg): void;
}

/** Starts recording a request, when its stream begins. */
export type OpenAccount = (lane: Lane, pool: string) => RequestAccount;
