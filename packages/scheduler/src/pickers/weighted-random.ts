import type { Picker } from "../plugin.ts";

/** Picks at random in proportion to the scores; with equal probability if all scores are 0. */
export const weightedRandomPicker: Picker = {
  name: "weighted-random",
  pick(scores, count, random) {
    let total = 0;
    for (let i = 0; i < count; i++) total += scores[i] as number;
    if (!(total > 0)) return Math.floor(random() * count);
    let left = random() * total;
    let last = 0;
    for (let i = 0; i < count; i++) {
      const score = scores[i] as number;
      if (score === 0) continue;
      last = i;
      left -= score;
      if (left < 0) break;
    }
    return last;
  },
};
