import type { RecorderObserver } from "@umbra/shadow";

/** Whoever wants to know what becomes of requests. `T`: as much of a live request as the observer looks at. */
export interface RequestObserver<T> extends RecorderObserver<T> {
  /** The request's streams are over, and nothing more is awaited of it. */
  over?(request: T): void;
}
