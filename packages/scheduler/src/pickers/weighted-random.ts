import type { Picker } from "../plugin.ts";

/**
 * Picks at random, in proportion to the scores. Where all score 0, each is as likely as the other.
 *
 * @param random uniform in [0, 1)
 */
export function weightedRandomPicker(random: () => number): Picker {
  return (candidates) => {
    let total = 0;
    for (const { score } of candidates) total += score;
    if (!(total > 0)) return candidates[Math.floor(random() * candidates.length)] ?? candidates[0];
    let left = random() * total;
    for (const candidate of candidates) {
      left -= candidate.score;
      if (left < 0) return candidate;
    }
    return candidates[0];
  };
}
