import { incompleteBeta } from "./beta.ts";
import type { Bounds } from "./confidence-sequence.ts";

/**
 * Bounds of a share from `events` of `trials`, each valid with `confidence`.
 *
 * Clopper and Pearson (1934), Biometrika 26, 404-413: exact, so never too narrow; both ends by bisection.
 */
export function clopperPearson(events: number, trials: number, confidence: number): Bounds {
  const error = 1 - confidence;
  if (trials <= 0) return { lower: 0, upper: 1 };
  return {
    lower: events <= 0 ? 0 : bisect((share) => 1 - atMost(events - 1, trials, share) < error),
    upper: events >= trials ? 1 : bisect((share) => atMost(events, trials, share) >= error),
  };
}

/** Finds by bisection where a condition that holds at 0 stops holding. */
function bisect(holds: (share: number) => boolean): number {
  let [from, to] = [0, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (from + to) / 2;
    if (holds(middle)) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}

/** Probability of at most `events` of `trials`. */
function atMost(events: number, trials: number, share: number): number {
  return incompleteBeta(1 - share, trials - events, events + 1);
}
