import type { PoolEvent } from "@umbra/scheduler";
import type { Logger } from "pino";

/** Logs pool events that change how requests are picked. The picks themselves are counted, not logged. */
export function logPoolEvent(event: PoolEvent, log: Logger): void {
  if (event.type === "ejected") {
    log.warn(event, "endpoint ejected after repeated failures: it temporarily gets no requests");
  } else if (event.type === "avoided") {
    log.warn(event, "an endpoint has a higher error rate than the others: it gets few requests");
  } else if (event.type === "reinstated" || event.type === "restarted") {
    log.info(event, `an endpoint was ${event.type}`);
  }
}
