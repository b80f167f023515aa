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

/** So many faults within a minute are no accident: whoever runs the process should start it again. */
const mostFaults = 20;
const withinMs = 60_000;

/**
 * Contains errors that nobody has caught, such as a timer's: a sidecar that ended would leave every request unpicked. Each
 * stream has its own state, so the others go on. Returns how to stop.
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
    log.error({ err }, "an error was not caught: please report it; the sidecar goes on");
    if (recent.length <= mostFaults) return;
    log.fatal(`more than ${mostFaults} errors in a minute were not caught: ending`);
    exit(1);
  };
  const events = ["uncaughtException", "unhandledRejection"] as const;
  for (const event of events) from.on(event, contain);
  return () => {
    for (const event of events) from.off(event, contain);
  };
}
