/** Times of writing, in milliseconds. */
export interface StatusPace {
  /** Shortest time between two writes of one object. */
  readonly everyMs: number;
  /** Longest wait after failures in a row, and between writes that another controller undoes each time. */
  readonly maxBackoffMs: number;
  /** Wait after a refusal that only a person can end: a missing right, or a status that the API server does not take. */
  readonly refusedMs: number;
}

export const defaultStatusPace: StatusPace = {
  everyMs: 1_000,
  maxBackoffMs: 60_000,
  refusedMs: 60_000,
};

/** How an attempt to write ended. */
export type Attempt =
  /** `cause`: what the status was made from. */
  | { readonly kind: "written"; readonly cause: object }
  /** Nothing has to be written. */
  | { readonly kind: "settled" }
  | { readonly kind: "refused" }
  | { readonly kind: "failed"; readonly retryAfterMs?: number };

interface Entry<T> {
  readonly target: T;
  /** `Infinity`: nothing has to be done. */
  dueMs: number;
  isRunning: boolean;
  /** No write before this time. */
  notBeforeMs: number;
  failures: number;
  /** How often the same was written in a row: someone undoes it. */
  repeats: number;
  cause: object | undefined;
}

/**
 * Which objects' statuses have to be written, and when: each object once, however often it changes. Sends nothing and
 * waits for nothing.
 */
export class StatusQueue<T> {
  readonly #pace: StatusPace;
  readonly #random: () => number;
  readonly #entries = new Map<string, Entry<T>>();
  /** Those that are due at some time and not taken, in the order in which they came. */
  readonly #waiting = new Map<string, Entry<T>>();
  #sweptMs = 0;

  constructor(pace: StatusPace, random: () => number) {
    this.#pace = pace;
    this.#random = random;
  }

  /** Objects that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** When the next object is due: `nowMs` if one already is; undefined when none waits. */
  nextMs(nowMs: number): number | undefined {
    let first: number | undefined;
    for (const { dueMs } of this.#waiting.values()) {
      if (dueMs <= nowMs) return nowMs;
      first = Math.min(first ?? dueMs, dueMs);
    }
    return first;
  }

  /** The object may need a write. */
  add(key: string, target: T, nowMs: number): void {
    this.#sweep(nowMs);
    const entry = this.#entries.get(key) ?? newEntry(target);
    this.#entries.set(key, entry);
    entry.dueMs = Math.min(entry.dueMs, Math.max(nowMs, entry.notBeforeMs));
    if (!entry.isRunning) this.#waiting.set(key, entry);
  }

  /** Takes at most `most` objects that are due; each stays taken until `done`. */
  take(most: number, nowMs: number): readonly { readonly key: string; readonly target: T }[] {
    const taken: { readonly key: string; readonly target: T }[] = [];
    for (const [key, entry] of this.#waiting) {
      if (taken.length >= most) break;
      if (entry.dueMs > nowMs) continue;
      this.#waiting.delete(key);
      entry.dueMs = Number.POSITIVE_INFINITY;
      entry.isRunning = true;
      taken.push({ key, target: entry.target });
    }
    return taken;
  }

  done(key: string, attempt: Attempt, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.isRunning = false;
    const { everyMs, refusedMs, maxBackoffMs } = this.#pace;
    switch (attempt.kind) {
      case "settled":
        entry.failures = 0;
        break;
      case "written":
        entry.failures = 0;
        entry.repeats = entry.cause === attempt.cause ? entry.repeats + 1 : 0;
        entry.cause = attempt.cause;
        entry.notBeforeMs = nowMs + Math.min(maxBackoffMs, everyMs * 2 ** entry.repeats);
        break;
      case "refused":
        this.#retry(entry, nowMs + refusedMs * this.#jitter());
        break;
      case "failed": {
        const backoffMs = Math.min(maxBackoffMs, everyMs * 2 ** entry.failures++);
        const waitMs = attempt.retryAfterMs ?? backoffMs * this.#jitter();
        // A proxy may ask for days.
        this.#retry(entry, nowMs + Math.min(waitMs, maxBackoffMs));
        break;
      }
    }
    if (entry.dueMs === Number.POSITIVE_INFINITY) return;
    entry.dueMs = Math.max(entry.dueMs, entry.notBeforeMs);
    this.#waiting.set(key, entry);
  }

  /** Removes what waits. */
  clear(): void {
    for (const entry of this.#entries.values()) entry.dueMs = Number.POSITIVE_INFINITY;
    this.#waiting.clear();
  }

  #retry(entry: Entry<T>, atMs: number): void {
    entry.notBeforeMs = atMs;
    entry.dueMs = atMs;
  }

  #jitter(): number {
    return 1 + this.#random() / 4;
  }

  /** What has been written long ago need not be remembered. */
  #sweep(nowMs: number): void {
    if (this.#entries.size < 1_000 || nowMs < this.#sweptMs + this.#pace.maxBackoffMs) return;
    this.#sweptMs = nowMs;
    for (const [key, { isRunning, notBeforeMs }] of this.#entries) {
      const isIdle = !isRunning && !this.#waiting.has(key);
      if (isIdle && notBeforeMs + this.#pace.maxBackoffMs < nowMs) this.#entries.delete(key);
    }
  }
}

function newEntry<T>(target: T): Entry<T> {
  return {
    ...{ target, dueMs: Number.POSITIVE_INFINITY, isRunning: false, notBeforeMs: 0 },
    ...{ failures: 0, repeats: 0, cause: undefined },
  };
}
