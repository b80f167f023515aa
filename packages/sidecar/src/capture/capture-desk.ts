import { type CaptureSink, redactedCapture } from "./capture-sink.ts";
import { type CaptureStoreOptions, openCaptureStore } from "./capture-store.ts";

/** Redacts and stores captures in this thread. */
export interface CaptureDesk extends CaptureSink {
  /** The score that a capture must exceed to be stored. */
  readonly leastScore: number;
}

/** @throws Error if the folder can't be created or written */
export function openCaptureDesk(options: CaptureStoreOptions): CaptureDesk {
  const store = openCaptureStore(options);
  return {
    offer: (score, make) => store.offer(score, () => redactedCapture(make())),
    expire: () => store.expire(),
    close: () => Promise.resolve(),
    get count() {
      return store.count;
    },
    get leastScore() {
      return store.leastScore;
    },
  };
}
