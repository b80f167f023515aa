/** What the queue needs to know about a request. */
export interface FlowRequest {
  /** An integer, higher first; requests of negative priority are sheddable. */
  readonly priority: number;
  /** Identifies the tenant. Tenants of a band take turns. `default-flow` when absent. */
  readonly fairnessId?: string;
  /** Size of the body. */
  readonly bytes: number;
  /** When the answer is needed, in ms of the queue's clock; used by bands ordered by deadline. */
  readonly deadlineMs?: number;
  /** Longest wait, in ms; the queue's limit when absent. */
  readonly ttlMs?: number;
}

/** How a request left the queue. `waitedMs` is its time in the queue, in ms. */
export type FlowOutcome<T> =
  | { readonly ok: true; readonly value: T; readonly waitedMs: number }
  | {
      readonly ok: false;
      readonly code: FlowErrorCode;
      readonly waitedMs: number;
      /** Suggested wait before a retry, in ms. */
      readonly retryAfterMs: number;
    };

/**
 * Why a request was not served. Stable.
 *
 * `QUEUE_FULL`: there was no room for it. `EVICTED`: a request of higher priority needed its room. `TTL_EXPIRED`: it
 * waited too long. `NO_ENDPOINTS`: it waited too long and the pool was empty. `CANCELLED`: the client disconnected.
 * `SHUTTING_DOWN`: the queue was closed.
 */
export type FlowErrorCode =
  | "QUEUE_FULL"
  | "EVICTED"
  | "TTL_EXPIRED"
  | "NO_ENDPOINTS"
  | "CANCELLED"
  | "SHUTTING_DOWN";

/** Limits of the waiting requests of one priority. */
export interface BandLimits {
  /** Most waiting requests; 5,000 when absent. */
  readonly maxRequests?: number;
  /** Most bytes of their bodies; 1e9 when absent. */
  readonly maxBytes?: number;
  /**
   * How tenants share the band. `round-robin` (when absent): they take turns, one request each. `strict`: all tenants
   * share one order.
   */
  readonly fairness?: "round-robin" | "strict";
  /**
   * Order of a tenant's requests. `fcfs` (when absent): oldest first. `edf`: earliest deadline first, requests without
   * a deadline last.
   */
  readonly ordering?: "fcfs" | "edf";
  /** Saturation from which the band waits, 0 to 1; 1 when absent. */
  readonly ceiling?: number;
}

export interface FlowQueueOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Calls `run` once after `afterMs`; returns a function that cancels it. At most one call is scheduled at a time. */
  readonly schedule: (run: () => void, afterMs: number) => () => void;
  /** Saturation of the pool: 0 is idle, 1 and above is saturated. Read before each dispatch. */
  readonly saturation: () => number;
  /** True while the pool has at least one endpoint. */
  readonly hasEndpoints: () => boolean;
  /** Most waiting requests of all bands together; 10,000 when absent. */
  readonly maxRequests?: number;
  /** Most bytes of their bodies; 2^30 when absent. A function is asked for each request that waits. */
  readonly maxBytes?: number | (() => number);
  /** Longest wait, in ms; 60,000 when absent, `Infinity` for no limit. */
  readonly ttlMs?: number;
  /** Longest wait of a request that finds the pool empty, in ms; `ttlMs` when absent. */
  readonly noEndpointTtlMs?: number;
  /** How often to check for free capacity while requests wait, in ms; 5 when absent. `poke` checks sooner. */
  readonly pollMs?: number;
  readonly bands?: readonly (BandLimits & { readonly priority: number })[];
  /** Limits for priorities without their own band. */
  readonly defaultBand?: BandLimits;
  /** Limits for negative priorities without their own band; `defaultBand` when absent. */
  readonly defaultNegativeBand?: BandLimits;
  readonly onEvent?: (event: FlowEvent) => void;
}

/** What happened to one request. `waitedMs` is its time in the queue, in ms. */
export type FlowEvent =
  | { readonly type: "enqueued"; readonly priority: number }
  | { readonly type: "dispatched"; readonly priority: number; readonly waitedMs: number }
  | {
      readonly type: "rejected";
      readonly priority: number;
      readonly code: FlowErrorCode;
      readonly waitedMs: number;
    };

/** The waiting requests at one moment, and the bytes of their bodies. */
export interface FlowSnapshot {
  readonly requests: number;
  readonly bytes: number;
  /** Bands with waiting requests, highest priority first. */
  readonly bands: readonly {
    readonly priority: number;
    readonly requests: number;
    readonly bytes: number;
    readonly flows: number;
  }[];
}

/** A queue of requests in front of a pool. */
export interface FlowQueue {
  /**
   * Calls `take` when it is the request's turn and resolves with what `take` returns. `take` runs synchronously. If it
   * returns undefined, the request can't be placed yet and stays first. If it throws, the promise is rejected.
   *
   * Rejects with a RangeError if the priority is not an integer or the bytes are negative or NaN.
   */
  acquire<T>(
    request: FlowRequest,
    take: () => T | undefined,
    options?: { readonly signal?: AbortSignal },
  ): Promise<FlowOutcome<T>>;
  /** Checks for free capacity. Call it when a request has finished or a scrape has arrived. */
  poke(): void;
  snapshot(): FlowSnapshot;
  /** Rejects all waiting and all later requests with SHUTTING_DOWN. */
  close(): void;
}
