import type { AccessLogEntry } from "@umbra/ext-proc";
import type { RecorderObserver } from "@umbra/shadow";

/** An observer of live requests. `T` is the part of a live request that the observer uses. */
export interface RequestObserver<T> extends RecorderObserver<T> {
  /** An access log reports how a leg sent to `destinations` ended. `mirror` is given for a twin. */
  logged?(line: AccessLogEntry, destinations: string, mirror: string | undefined, request: T): void;
  /** The mirror's twin did not arrive. */
  twinLost?(mirror: string, request: T): void;
  /** The request is removed: nothing more is expected, it timed out, or other requests replaced it. */
  over?(request: T): void;
}
