import type { PoolEvent } from "@umbra/scheduler";
import type { Logger } from "pino";

/** What changes how requests are picked; the picks themselves are counted, not logged. */
export function logPoolEvent(event: PoolEvent, log: Logger): void {
  if (event.type === "ejected") {
    log.warn(event, "endpoint ejected after repeated failures: it gets no requests for a while");
  } else if (event.type === "avoided") {
    log.warn(
      event,
      "an endpoint answers more often with errors than the others: it gets few requests",
    );
  } else if (event.type === "reinstated" || event.type === "restarted") {
    log.info(event, `an endpoint was ${event.type}`);
  }
}
