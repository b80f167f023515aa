/** Schedules reads of an endpoint's model list: every 10 s, and earlier if it probably changed. */
export interface ListSchedule {
  isDue(nowMs: number): boolean;
  /** Records the start of a read. */
  begin(nowMs: number): void;
  /** Records the result of a read. */
  end(outcome: "changed" | "unchanged" | "failed"): void;
  /** Requests an early read, because the list probably changed. */
  hurry(): void;
}

const intervalMs = 10_000;
/** Minimum time between two reads; doubled after each early or failed read without a change. */
const shortestMs = 1_000;
const maxDoublings = 4;

export function createListSchedule(): ListSchedule {
  let beganMs = Number.NEGATIVE_INFINITY;
  let waitMs = 0;
  let isHurried = false;
  let fruitless = 0;

  const soonMs = () => Math.min(intervalMs, shortestMs * 2 ** Math.min(fruitless, maxDoublings));

  return {
    isDue: (nowMs) => nowMs - beganMs >= waitMs,
    begin(nowMs) {
      isHurried = waitMs < intervalMs;
      beganMs = nowMs;
      waitMs = intervalMs;
    },
    end(outcome) {
      const isFruitless = outcome === "failed" || (outcome === "unchanged" && isHurried);
      fruitless = isFruitless ? fruitless + 1 : 0;
      if (outcome === "failed") waitMs = soonMs();
    },
    hurry() {
      waitMs = Math.min(waitMs, soonMs());
    },
  };
}
