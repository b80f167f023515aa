import type { PoolState } from "@umbra/scheduler";
import type { FlowSettings } from "@umbra/scheduler/config";
import {
  createFlowQueue,
  defaultTtlMs,
  type FlowEvent,
  type FlowQueue,
} from "@umbra/scheduler/flow";

/** The queue of a pool, whose settings may change while requests wait. */
export interface PoolQueue {
  /**
   * Returns the queue for new requests; undefined: they don't wait. Requests that wait already keep their turn and
   * their limits.
   */
  configure(settings: FlowSettings | undefined): FlowQueue | undefined;
  /** Refuses all waiting and all later requests. */
  close(): void;
}

export interface PoolQueueOptions {
  readonly now: () => number;
  readonly onQueue?: (pool: string, event: FlowEvent) => void;
  /** Maximum time in a queue, in ms; absent: from the settings. */
  readonly maxWaitMs?: number;
}

/** @param queuedBytes largest size of the queue if the settings have none, in bytes; asked for each request */
export function createPoolQueue(
  state: PoolState,
  options: PoolQueueOptions,
  queuedBytes: () => number,
): PoolQueue {
  let current: FlowQueue | undefined;
  let currentText: string | undefined;
  /** Replaced queues in which requests may still wait. */
  let former: readonly FlowQueue[] = [];

  return {
    configure(settings) {
      const text = settings === undefined ? undefined : JSON.stringify(settings);
      if (text === currentText) return current;
      const all = current === undefined ? former : [...former, current];
      former = all.filter((queue) => queue.snapshot().requests > 0);
      currentText = text;
      current =
        settings === undefined
          ? undefined
          : queueOf(state, { maxBytes: queuedBytes, ...settings }, options);
      return current;
    },
    close() {
      for (const queue of former) queue.close();
      current?.close();
    },
  };
}

type Limits = Omit<FlowSettings, "maxBytes"> & { readonly maxBytes: number | (() => number) };

function queueOf(
  state: PoolState,
  settings: Limits,
  { now, onQueue, maxWaitMs = Number.POSITIVE_INFINITY }: PoolQueueOptions,
): FlowQueue {
  const { ttlMs = defaultTtlMs, noEndpointTtlMs = ttlMs } = settings;
  // The queue should answer the client before the gateway's own timeout.
  const longestMs = 0.9 * maxWaitMs;
  return createFlowQueue({
    ...settings,
    ttlMs: Math.min(ttlMs, longestMs),
    noEndpointTtlMs: Math.min(noEndpointTtlMs, longestMs),
    now,
    schedule(run, afterMs) {
      const timer = setTimeout(run, afterMs);
      return () => clearTimeout(timer);
    },
    saturation: () => state.saturation(),
    hasEndpoints: () => state.addresses().length > 0,
    ...(onQueue === undefined ? {} : { onEvent: (event) => onQueue(state.name, event) }),
  });
}
