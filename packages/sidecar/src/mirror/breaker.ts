/** Pauses mirroring to a shadow that fails. */
export interface Breaker {
  /** Whether one more request may go there. Half open, one at a time may: the trial. */
  admits(requestId: string): boolean;
  /** A request that was admitted is done. */
  record(requestId: string, isError: boolean): void;
  /** A request that was admitted is done, and nobody knows how: if it was the trial, there may be another one. */
  giveUp(requestId: string): void;
  readonly state: "closed" | "open" | "half-open";
}

const errorsInARow = 50;
const errorShare = 0.2;
const windowMs = 60_000;
/** Fewer than this say nothing about a share. */
const minRequests = 50;
const pauseMs = 60_000;
const slots = 12;
const slotMs = windowMs / slots;

/** Opens after 50 errors in a row or 20 % in 60 s; tries again after 60 s. `now`: monotonic, ms. */
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
        // Requests from before it opened come home late: only the trial decides.
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
