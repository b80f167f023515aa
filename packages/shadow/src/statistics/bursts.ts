/** Events that were close together in time. */
export interface Burst {
  readonly events: number;
  readonly seconds: number;
}

const maxGapMs = 10_000;
/** Fewest events of a burst; fewer may be chance. */
const minEvents = 4;
/** Longest burst; what lasts longer, or for much of the run, is not a burst. */
const longest = { seconds: 120, shareOfRun: 0.1 } as const;

/**
 * Finds the largest burst of events if it has at least half of them all; null if they are spread out or last long.
 * `atMs` must be ascending. `runMs` is the length of the whole run.
 */
export function largestBurst(atMs: readonly number[], runMs: number): Burst | null {
  let best: Burst = { events: 0, seconds: 0 };
  let from = 0;
  for (let i = 0; i < atMs.length; i++) {
    const at = atMs[i] ?? 0;
    if (i > 0 && at - (atMs[i - 1] ?? 0) > maxGapMs) from = i;
    const events = i - from + 1;
    if (events > best.events) best = { events, seconds: (at - (atMs[from] ?? 0)) / 1_000 };
  }
  const isShort =
    best.seconds <= longest.seconds && best.seconds * 1_000 < longest.shareOfRun * runMs;
  return isShort && best.events >= minEvents && 2 * best.events >= atMs.length ? best : null;
}
