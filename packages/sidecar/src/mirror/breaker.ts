/** Pauses mirroring to a shadow that fails. */
export interface Breaker {
  /** True if another request may be sent. When half open, only one trial at a time. */
  admits(requestId: string): boolean;
  /** Records the result of an admitted request. */
  record(requestId: string, isError: boolean): void;
  /** Records that an admitted request ended with an unknown result. If it was the trial, allows another one. */
  giveUp(requestId: string): void;
  readonly state: "closed" | "open" | "half-open";
}

const errorsInARow = 50;
const errorShare = 0.2;
const windowMs = 60_000;
/** Minimum requests for a meaningful error rate. */
const minRequests = 50;
const pauseMs = 60_000;
const slots = 12;
const slotMs = windowMs / slots;

/** Opens after 50 consecutive errors or an error rate of 20 % within 60 s. Tries again after 60 s. `now` is monotonic, in ms. */
export function createBreaker(now: () => number): Breaker {
  let counts = newCounts();
  let [inARow, openedAt, isOpen] = [0, 0, false];
  /** The request that decides whether it closes again. */
  let trial: string | undefined;

  const isHalfOpen = () => isOpen && now() - openedAt >= pauseMs;

  function open(): void {
    isOpen = true;
    trial = undefined;
    openedAt = now();
  }

  function close(): void {
    isOpen = false;
    trial = undefined;
    inARow = 0;
    counts = newCounts();
  }

  return {
    admits(requestId) {
      if (!isOpen) return true;
      if (!isHalfOpen() || trial !== undefined) return false;
      trial = requestId;
      return true;
    },
    record(requestId, isError) {
      if (isOpen) {
        // Ignores late results from before it opened: only the trial decides.
        if (requestId !== trial) return;
        if (isError) open();
        else close();
        return;
      }
      inARow = isError ? inARow + 1 : 0;
      const isOften = isTooOften(counts, isError, now());
      if (isError && (inARow >= errorsInARow || isOften)) open();
    },
    giveUp(requestId) {
      if (requestId === trial) trial = undefined;
    },
    get state() {
      return !isOpen ? "closed" : isHalfOpen() ? "half-open" : "open";
    },
  };
}

interface SlotCount {
  slot: number;
  total: number;
  errors: number;
}

function newCounts(): readonly SlotCount[] {
  return Array.from({ length: slots }, () => ({ slot: -1, total: 0, errors: 0 }));
}

/** Counts one more request. */
function isTooOften(counts: readonly SlotCount[], isError: boolean, nowMs: number): boolean {
  const slot = Math.floor(nowMs / slotMs);
  const current = counts[slot % slots];
  if (current === undefined) return false;
  if (current.slot !== slot) Object.assign(current, { slot, total: 0, errors: 0 });
  current.total++;
  if (isError) current.errors++;
  let [total, errors] = [0, 0];
  for (const count of counts) {
    if (slot - count.slot >= slots || count.slot < 0) continue;
    total += count.total;
    errors += count.errors;
  }
  return total >= minRequests && errors > total * errorShare;
}
