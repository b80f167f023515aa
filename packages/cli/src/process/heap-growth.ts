import { setFlagsFromString } from "node:v8";

/**
 * Starts a full garbage collection when the heap is 2.5 times the live data; V8's default is up to 4 times. At a few
 * thousand picks per second, garbage of HTTP/2 streams that survive a scavenge would otherwise take 70 MB more
 * (measure with `npm run bench:pick`). Call this before loading modules: V8 sets its first limit by then.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString("--heap-growing-percent=150");
}
