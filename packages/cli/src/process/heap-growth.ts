import { setFlagsFromString } from "node:v8";

/**
 * Lets the heap grow to two and a half times what is alive before it is collected as a whole, where V8 would wait for up to
 * four times: at some thousand picks a second the garbage of HTTP/2 streams that outlive a scavenge would keep 70 MB more
 * (`npm run bench:pick` tells the memory). To be said before the modules are loaded: the first limit is set by then.
 */
export function boundHeapGrowth(): void {
  setFlagsFromString("--heap-growing-percent=150");
}
