/** A share of one core: who has used it up has to leave its work undone. */
export interface WorkShare {
  /** True while some of the share is left. */
  hasRoom(nowMs: number): boolean;
  /** Work has taken so long, in ms. */
  spent(ms: number): void;
}

/**
 * Fills up with the time that passes, to a burst at most.
 *
 * @param share of one core, 0..1
 * @param burstMs what may be used at once
 * @param mostMs what one piece of work counts at most: a machine that was busy with others is no work of ours
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
