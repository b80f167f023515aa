import { type Band, createBand, type Entry } from "./band.ts";
import { createEntryHeap } from "./entry-heap.ts";
import type { FlowErrorCode, FlowOutcome, FlowQueue, FlowQueueOptions } from "./types.ts";

const shortestRetryMs = 1_000;
const longestRetryMs = 60_000;
/** Weight of the newest gap between two dispatches in the moving average. */
const newestWeight = 0.1;

/** Default for the longest wait of a request, in ms. */
export const defaultTtlMs = 60_000;

/**
 * Creates a queue in front of a pool. A band waits while the pool is saturated or while a band of higher priority
 * waits. Within a band, tenants take turns. Requests, bytes and waiting time are bounded.
 */
export function createFlowQueue(options: FlowQueueOptions): FlowQueue {
  const {
    now,
    schedule,
    saturation,
    hasEndpoints,
    maxRequests = 10_000,
    ttlMs = defaultTtlMs,
    noEndpointTtlMs = ttlMs,
    pollMs = 5,
    defaultBand = {},
    defaultNegativeBand = defaultBand,
    onEvent,
  } = options;
  const mostBytes = options.maxBytes ?? 2 ** 30;
  const limits = new Map((options.bands ?? []).map((band) => [band.priority, band]));
  /** Bands with waiting requests, highest priority first. */
  let bands: Band[] = [];
  const expiries = createEntryHeap<Entry>((a, b) => a.expiresMs < b.expiresMs);
  let requests = 0;
  let bytes = 0;
  let serial = 0;
  let isClosed = false;
  let disarm: (() => void) | undefined;
  let lastDispatchMs: number | undefined;
  let gapMs = 0;

  const limitsOf = (priority: number) =>
    limits.get(priority) ?? (priority < 0 ? defaultNegativeBand : defaultBand);

  function bandOf(priority: number): Band {
    const known = bands.find((band) => band.priority === priority);
    if (known !== undefined) return known;
    const made = createBand(priority, limitsOf(priority));
    bands.push(made);
    bands.sort((a, b) => b.priority - a.priority);
    return made;
  }

  function recordDispatch(): void {
    const nowMs = now();
    if (lastDispatchMs !== undefined) gapMs += newestWeight * (nowMs - lastDispatchMs - gapMs);
    lastDispatchMs = nowMs;
  }

  /** Estimated from the time in which all waiting requests will be dispatched. */
  function retryAfterMs(): number {
    return Math.round(Math.min(longestRetryMs, Math.max(shortestRetryMs, gapMs * requests)));
  }

  const canDispatch = (ceiling: number) => hasEndpoints() && saturation() < ceiling;

  /** Removes an entry whose wait is over for any reason. */
  function remove(entry: Entry, served: boolean): void {
    entry.isWaiting = false;
    entry.band.remove(entry, served);
    expiries.noteEnded();
    requests--;
    bytes -= entry.request.bytes;
    if (entry.band.requests === 0) bands = bands.filter((band) => band !== entry.band);
  }

  function expire(): void {
    const nowMs = now();
    for (let first = expiries.peek(); first !== undefined; first = expiries.peek()) {
      if (first.expiresMs > nowMs) return;
      first.reject(hasEndpoints() ? "TTL_EXPIRED" : "NO_ENDPOINTS");
    }
  }

  function dispatch(): void {
    for (let first = bands[0]; first !== undefined; first = bands[0]) {
      if (!canDispatch(first.ceiling)) return;
      if (!first.next().tryTake()) return;
    }
  }

  function tick(): void {
    disarm = undefined;
    expire();
    dispatch();
    arm();
  }

  function arm(): void {
    const first = expiries.peek();
    if (disarm !== undefined || first === undefined) return;
    disarm = schedule(tick, Math.max(0, Math.min(pollMs, first.expiresMs - now())));
  }

  function disarmIfEmpty(): void {
    if (requests > 0) return;
    disarm?.();
    disarm = undefined;
  }

  /** Makes room for a request by evicting the newest requests of lower bands. Returns false if that is not enough. */
  function makeRoom(band: Band, wanted: number): boolean {
    if (band.requests >= band.maxRequests || band.bytes + wanted > band.maxBytes) return false;
    const maxBytes = typeof mostBytes === "number" ? mostBytes : mostBytes();
    let [freeRequests, freeBytes] = [maxRequests - requests, maxBytes - bytes];
    for (const lower of bands) {
      if (lower.priority >= band.priority) continue;
      freeRequests += lower.requests;
      freeBytes += lower.bytes;
    }
    if (freeRequests < 1 || freeBytes < wanted) return false;
    while (requests >= maxRequests || bytes + wanted > maxBytes) {
      (bands.at(-1) as Band).newest().reject("EVICTED");
    }
    return true;
  }

  function refuse<T>(code: FlowErrorCode, priority: number, waitedMs: number): FlowOutcome<T> {
    onEvent?.({ type: "rejected", priority, code, waitedMs });
    return { ok: false, code, waitedMs, retryAfterMs: retryAfterMs() };
  }

  return {
    async acquire<T>(
      request: Parameters<FlowQueue["acquire"]>[0],
      take: () => T | undefined,
      { signal }: { readonly signal?: AbortSignal } = {},
    ): Promise<FlowOutcome<T>> {
      const { priority } = request;
      if (!Number.isInteger(priority) || !(request.bytes >= 0)) {
        throw new RangeError(
          `a request's priority must be a whole number and its bytes at least 0, not ${priority} and ${request.bytes}`,
        );
      }
      if (isClosed) return refuse("SHUTTING_DOWN", priority, 0);
      if (signal?.aborted === true) return refuse("CANCELLED", priority, 0);
      const band = bands.find((each) => each.priority === priority);
      const { ceiling = 1 } = limitsOf(priority);
      const isFirst =
        band === undefined && (bands[0]?.priority ?? Number.NEGATIVE_INFINITY) < priority;
      if (isFirst && canDispatch(ceiling)) {
        const value = take();
        if (value !== undefined) {
          recordDispatch();
          onEvent?.({ type: "dispatched", priority, waitedMs: 0 });
          return { ok: true, value, waitedMs: 0 };
        }
      }
      const into = bandOf(priority);
      if (!makeRoom(into, request.bytes)) {
        if (into.requests === 0) bands = bands.filter((each) => each !== into);
        return refuse("QUEUE_FULL", priority, 0);
      }
      return new Promise<FlowOutcome<T>>((resolve, reject) => {
        const enqueuedMs = now();
        const waitedMs = () => now() - enqueuedMs;
        const end = (served: boolean): void => {
          signal?.removeEventListener("abort", cancel);
          remove(entry, served);
        };
        const entry: Entry = {
          request,
          band: into,
          serial: serial++,
          enqueuedMs,
          expiresMs: enqueuedMs + (request.ttlMs ?? (hasEndpoints() ? ttlMs : noEndpointTtlMs)),
          isWaiting: true,
          tryTake() {
            let value: T | undefined;
            try {
              value = take();
            } catch (cause) {
              end(true);
              reject(cause);
              return true;
            }
            if (value === undefined) return false;
            end(true);
            recordDispatch();
            onEvent?.({ type: "dispatched", priority, waitedMs: waitedMs() });
            resolve({ ok: true, value, waitedMs: waitedMs() });
            return true;
          },
          reject(code) {
            end(false);
            resolve(refuse(code, priority, waitedMs()));
            disarmIfEmpty();
          },
        };
        const cancel = (): void => entry.reject("CANCELLED");
        signal?.addEventListener("abort", cancel);
        into.add(entry);
        expiries.push(entry);
        requests++;
        bytes += request.bytes;
        onEvent?.({ type: "enqueued", priority });
        // This request may expire sooner than the timer fires.
        disarm?.();
        disarm = undefined;
        arm();
      });
    },

    poke() {
      expire();
      dispatch();
      disarmIfEmpty();
    },

    snapshot: () => ({
      requests,
      bytes,
      bands: bands.map((band) => {
        const { priority, flows } = band;
        return { priority, requests: band.requests, bytes: band.bytes, flows };
      }),
    }),

    close() {
      isClosed = true;
      for (let band = bands[0]; band !== undefined; band = bands[0]) {
        band.newest().reject("SHUTTING_DOWN");
      }
    },
  };
}
