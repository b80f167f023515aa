import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { SchedulingErrorCode } from "@umbra/scheduler";
import type { FlowErrorCode } from "@umbra/scheduler/flow";
import type { Leg } from "@umbra/shadow";
import type { RequestErrorCode } from "./refusals.ts";

export type Lane = "primary" | "shadow";
/** `model_list`: `GET /v1/models` was answered in the endpoints' place. */
export type PickOutcome = "picked" | "model_list" | RequestErrorCode;

export function isRefusal(outcome: PickOutcome): outcome is RequestErrorCode {
  return outcome !== "picked" && outcome !== "model_list";
}

/** What became of one request: all that metrics, traces and logs are made from. Holds names and numbers, no text. */
export interface MadeDecision {
  readonly outcome: PickOutcome;
  /** More exactly, where the scheduler or the queue has refused. */
  readonly reason?: SchedulingErrorCode | FlowErrorCode | undefined;
  /** From the whole request to the decision, without the wait for its turn, in ms. */
  readonly tookMs: number;
  /** The wait, in ms; absent where the pool has no queue. */
  readonly waitedMs?: number | undefined;
  /** As the client named it; absent where the body names none or was not read. */
  readonly model?: string | undefined;
  /** As the endpoint is asked for it. */
  readonly target?: string | undefined;
  readonly priority?: number | undefined;
  readonly isStream?: boolean | undefined;
  readonly bodyBytes?: number | undefined;
  readonly endpoint?: string | undefined;
  /** Its answer is measured: a leg will tell of it. */
  readonly isMeasured?: boolean | undefined;
}

/** Takes down what happens to one request. On every request's path: each call must be cheap. */
export interface RequestAccount {
  /** Its headers are here. `path`: as the endpoint gets it, without the query. */
  arrived(headers: Headers, path: string): void;
  /** Called once. Returns headers for the endpoint, besides those of the decision. */
  decided(made: MadeDecision): readonly HeaderEntry[];
  /** Its stream is over; called once. */
  ended(outcome: StreamOutcome): void;
  /** Its answer, where it is measured, has ended: before or behind its stream. */
  answered(leg: Leg): void;
}

/** Opens the account of a request, when its stream begins. */
export type OpenAccount = (lane: Lane, pool: string) => RequestAccount;
