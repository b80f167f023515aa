import type { EventEmitter } from "node:events";
import type { Logger } from "pino";

export interface FaultOptions {
  readonly log: Pick<Logger, "error" | "fatal">;
  /** Counts a fault. */
  readonly onFault: () => void;
  /** Ends the process with this code. */
  readonly exit: (code: number) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** This many faults within a minute are systematic: let the supervisor restart the process. */
const maxFaults = 20;
const withinMs = 60_000;

/**
 * Contains uncaught errors, such as those of a timer: if the sidecar exited, no request would be picked. Streams don't
 * share state, so others are not affected. Returns a function that stops containing.
 *
 * @param from the process
 */
export function containFaults(from: EventEmitter, options: FaultOptions): () => void {
  const { log, onFault, exit, now } = options;
  let recent: number[] = [];
  const contain = (err: unknown) => {
    const nowMs = now();
    recent = [...recent.filter((each) => nowMs - each < withinMs), nowMs];
    onFault();
    log.error({ err }, "uncaught error; the sidecar keeps running. Please report this");
    if (recent.length <= maxFaults) return;
    log.fatal(`exiting after more than ${maxFaults} uncaught errors within a minute`);
    exit(1);
  };
  const events = ["uncaughtException", "unhandledRejection"] as const;
  for (const event of events) from.on(event, contain);
  return () => {
    for (const event of events) from.off(event, contain);
  };
}
