/** Events that came close together. */
export interface Burst {
  readonly events: number;
  readonly seconds: number;
}

const maxGapMs = 10_000;
/** Two events beside each other are chance. */
const minEvents = 4;

/** The largest burst of events, `atMs` ascending, where it holds at least half of them all; null where they are spread. */
export function largestBurst(atMs: readonly number[]): Burst | null {
  let best: Burst = { events: 0, seconds: 0 };
  let from = 0;
  for (let i = 0; i < atMs.length; i++) {
    const at = atMs[i] ?? 0;
    if (i > 0 && at - (atMs[i - 1] ?? 0) > maxGapMs) from = i;
    const events = i - from + 1;
    if (events > best.events) best = { events, seconds: (at - (atMs[from] ?? 0)) / 1_000 };
  }
  return best.events >= minEvents && 2 * best.events >= atMs.length ? best : null;
}
