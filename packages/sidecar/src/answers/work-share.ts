/** A time budget, as a share of one core. Work is skipped when it is used up. */
export interface WorkShare {
  /** True while some of the budget is left. */
  hasRoom(nowMs: number): boolean;
  /** Records time spent on work, in ms. */
  spent(ms: number): void;
}

/**
 * Creates a budget that refills over time, up to a burst.
 *
 * @param share of one core, 0 to 1 @param burstMs maximum budget that can accumulate @param mostMs maximum time
 * counted for one piece of work: the rest is a busy machine, not this work
 */
export function createWorkShare(
  share: number,
  burstMs: number,
  mostMs: number = burstMs / 2,
): WorkShare {
  let leftMs = burstMs;
  let filledMs = Number.NEGATIVE_INFINITY;
  return {
    hasRoom(nowMs) {
      leftMs = Math.min(burstMs, leftMs + (nowMs - filledMs) * share);
      filledMs = nowMs;
      return leftMs > 0;
    },
    spent(ms) {
      leftMs -= Math.min(ms, mostMs);
    },
  };
}
