/** What the queue needs to know of a request. */
export interface FlowRequest {
  /** A whole number, higher first; negative ones are sheddable. */
  readonly priority: number;
  /** Requests of one tenant share it; those of a band take turns by it. `default-flow` when absent. */
  readonly fairnessId?: string;
  /** Of the body. */
  readonly bytes: number;
  /** When the answer is wanted, in ms of the queue's clock; for bands that go by deadline. */
  readonly deadlineMs?: number;
  /** Longest wait, in ms; the queue's when absent. */
  readonly ttlMs?: number;
}

export type FlowOutcome<T> =
  | { readonly ok: true; readonly value: T; readonly waitedMs: number }
  | {
      readonly ok: false;
      readonly code: FlowErrorCode;
      readonly waitedMs: number;
      /** When trying again makes sense, in ms. */
      readonly retryAfterMs: number;
    };

/**
 * Why a request was not served. Stable.
 *
 * `QUEUE_FULL`: no room for it. `EVICTED`: its room was needed by one of a higher priority. `TTL_EXPIRED`: it has
 * waited too long; `NO_ENDPOINTS`: the same, and the pool was empty. `CANCELLED`: its client is gone.
 */
export type FlowErrorCode =
  | "QUEUE_FULL"
  | "EVICTED"
  | "TTL_EXPIRED"
  | "NO_ENDPOINTS"
  | "CANCELLED"
  | "SHUTTING_DOWN";

export interface BandLimits {
  /** Requests waiting at most; 5,000 when absent. */
  readonly maxRequests?: number;
  /** Bytes of their bodies at most; 1e9 when absent. */
  readonly maxBytes?: number;
  /** How tenants share the band: in turns, a request each, when absent; `strict`: as if all were one. */
  readonly fairness?: "round-robin" | "strict";
  /** Which of a tenant's requests goes first: the oldest when absent; `edf`: the earliest deadline, none last. */
  readonly ordering?: "fcfs" | "edf";
  /** Saturation from which the band waits, 0 to 1; 1 when absent. */
  readonly ceiling?: number;
}

export interface FlowQueueOptions {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Runs something once after so many ms; returns how to cancel it. At most one is under way at a time. */
  readonly schedule: (run: () => void, afterMs: number) => () => void;
  /** 0 idle, 1 and more full; asked before each dispatch. */
  readonly saturation: () => number;
  /** True while the pool has an endpoint at all. */
  readonly hasEndpoints: () => boolean;
  /** All bands together; 10,000 and 1 GiB when absent. */
  readonly maxRequests?: number;
  readonly maxBytes?: number;
  /** Longest wait, in ms; 60,000 when absent, `Infinity` for no end. */
  readonly ttlMs?: number;
  /** Longest wait of a request that finds the pool empty, in ms; `ttlMs` when absent. */
  readonly noEndpointTtlMs?: number;
  /** Between two looks for free capacity while something waits, in ms; 5 when absent. `poke` tells sooner. */
  readonly pollMs?: number;
  readonly bands?: readonly (BandLimits & { readonly priority: number })[];
  /** Of priorities without a band of their own. */
  readonly defaultBand?: BandLimits;
  /** Of negative ones; `defaultBand` when absent. */
  readonly defaultNegativeBand?: BandLimits;
  readonly onEvent?: (event: FlowEvent) => void;
}

export type FlowEvent =
  | { readonly type: "enqueued"; readonly priority: number }
  | { readonly type: "dispatched"; readonly priority: number; readonly waitedMs: number }
  | {
      readonly type: "rejected";
      readonly priority: number;
      readonly code: FlowErrorCode;
      readonly waitedMs: number;
    };

export interface FlowSnapshot {
  readonly requests: number;
  readonly bytes: number;
  /** Highest priority first; only bands in which something waits. */
  readonly bands: readonly {
    readonly priority: number;
    readonly requests: number;
    readonly bytes: number;
    readonly flows: number;
  }[];
}

/** Requests that wait for their turn. */
export interface FlowQueue {
  /**
   * Resolves once it is the request's turn, with what `take` has returned then. `take` runs synchronously; where it
   * returns undefined the request can't be placed now and stays first. What `take` throws rejects the promise.
   *
   * Rejects with a RangeError for a priority that is no whole number, or bytes that are no number of bytes.
   */
  acquire<T>(
    request: FlowRequest,
    take: () => T | undefined,
    options?: { readonly signal?: AbortSignal },
  ): Promise<FlowOutcome<T>>;
  /** Capacity may have come free: a request has finished, or a scrape has arrived. */
  poke(): void;
  snapshot(): FlowSnapshot;
  /** Ends all that waits, and all that comes later, as SHUTTING_DOWN. */
  close(): void;
}
