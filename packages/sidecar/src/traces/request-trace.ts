import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { Leg } from "@umbra/shadow";
import type { Lane, MadeDecision } from "../decision/request-account.ts";

/** The recorded trace of one request. Times are from `performance.now`, in ms. */
export interface RequestTrace {
  /** Returns the headers that make the endpoint's own spans children of this one. */
  decided(made: MadeDecision, names: TraceNames, atMs: number): readonly HeaderEntry[];
  answered(leg: Leg): void;
  /** Nothing more follows: exports the span. */
  ended(outcome: StreamOutcome, atMs: number): void;
}

/** Names that may be shown: configured or served ones, never a client's text. */
export interface TraceNames {
  readonly pool: string;
  readonly model: string;
  readonly target: string;
}

/**
 * Starts the trace of a request; undefined if it is not recorded, so that it costs nothing more. `path` is the endpoint's.
 */
export type BeginTrace = (
  lane: Lane,
  headers: Headers,
  path: string,
  startedMs: number,
) => RequestTrace | undefined;
