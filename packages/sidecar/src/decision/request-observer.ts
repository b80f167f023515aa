import type { AccessLogEntry } from "@umbra/ext-proc";
import type { RecorderObserver } from "@umbra/shadow";

/** Whoever wants to know what becomes of requests. `T`: as much of a live request as the observer looks at. */
export interface RequestObserver<T> extends RecorderObserver<T> {
  /** An access log tells how a leg has ended, which was sent to `destinations`. `mirror`: of a twin. */
  logged?(line: AccessLogEntry, destinations: string, mirror: string | undefined, request: T): void;
  /** The copy in the mirror has not come. */
  twinLost?(mirror: string, request: T): void;
  /** The request is forgotten: nothing more is awaited of it, or it has waited too long, or others took its place. */
  over?(request: T): void;
}
