import { queueLength } from "../model/load.ts";
import { defineFilter, type Filter } from "../plugin.ts";

export interface LowQueueOptions {
  /** Waiting requests from which an endpoint is dropped; 128 when absent. */
  readonly threshold?: number;
}

/** Keeps the endpoints with fewer requests waiting than the threshold. */
export function lowQueueFilter({ threshold = 128 }: LowQueueOptions = {}): Filter {
  return defineFilter({
    name: "low-queue",
    keep: (_request, endpoint) => queueLength(endpoint) < threshold,
  });
}
