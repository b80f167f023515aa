import { kvCacheUsage } from "../model/load.ts";
import type { Filter } from "../plugin.ts";
import { keepLow, type LowBand } from "./lowest-band.ts";

export interface LeastKvCacheOptions {
  /** The first tenth of the range, 0.1, when absent. */
  readonly band?: LowBand;
}

/** Keeps the endpoints with the most free KV cache; one without fresh metrics counts as half full. */
export function leastKvCacheFilter({ band = 0.1 }: LeastKvCacheOptions = {}): Filter {
  return {
    name: "least-kv-cache",
    narrow: (_request, endpoints) => keepLow(endpoints, band, kvCacheUsage),
  };
}
