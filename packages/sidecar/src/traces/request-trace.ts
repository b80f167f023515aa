import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { Leg } from "@umbra/shadow";
import type { Lane, MadeDecision } from "../decision/request-account.ts";

/** One request in a trace that is kept. Times are of `performance.now`, in ms. */
export interface RequestTrace {
  /** Returns the headers that make the endpoint's own spans children of this one. */
  decided(made: MadeDecision, names: TraceNames, atMs: number): readonly HeaderEntry[];
  answered(leg: Leg): void;
  /** Nothing more comes: the span is handed over. */
  ended(outcome: StreamOutcome, atMs: number): void;
}

/** Names that may be shown: configured or served, never a client's words. */
export interface TraceNames {
  readonly pool: string;
  readonly model: string;
  readonly target: string;
}

/**
 * Begins the trace of a request; undefined where nobody keeps it: it then costs nothing more. `path`: as the endpoint gets it.
 */
export type BeginTrace = (
  lane: Lane,
  headers: Headers,
  path: string,
  startedMs: number,
) => RequestTrace | undefined;
