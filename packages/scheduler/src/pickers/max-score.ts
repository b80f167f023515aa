import type { Candidate, Picker } from "../plugin.ts";

/**
 * Picks the highest score.
 *
 * Ties are broken at random: replicas of the sidecar see the same scores, and must not all send to the first
 * endpoint of the pool.
 *
 * @param random uniform in [0, 1)
 */
export function maxScorePicker(random: () => number): Picker {
  return (candidates) => {
    let tied: Candidate[] = [];
    let best = Number.NEGATIVE_INFINITY;
    for (const candidate of candidates) {
      if (candidate.score > best) {
        best = candidate.score;
        tied = [candidate];
      } else if (candidate.score === best) {
        tied.push(candidate);
      }
    }
    return tied[Math.floor(random() * tied.length)] ?? candidates[0];
  };
}
