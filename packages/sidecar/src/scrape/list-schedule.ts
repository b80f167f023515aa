/** When an endpoint's model list is read: every 10 s, and sooner when something says that it has changed. */
export interface ListSchedule {
  isDue(nowMs: number): boolean;
  /** A reading begins. */
  begin(nowMs: number): void;
  /** What the reading gave. */
  end(outcome: "changed" | "unchanged" | "failed"): void;
  /** Something says that the list has changed. */
  hurry(): void;
}

const intervalMs = 10_000;
/** Between two readings at least; doubled for each that was hurried or has failed for nothing. */
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
