import type { Picker } from "../plugin.ts";

/**
 * Picks the highest score.
 *
 * Ties are broken at random: several sidecars see the same scores and must not all send to the first endpoint of the
 * pool.
 */
export const maxScorePicker: Picker = {
  name: "max-score",
  pick(scores, count, random) {
    let best = 0;
    let tied = 1;
    for (let i = 1; i < count; i++) {
      const difference = (scores[i] as number) - (scores[best] as number);
      if (difference < 0) continue;
      tied = difference > 0 ? 1 : tied + 1;
      // The k-th of equal scores replaces the best so far with probability 1/k, so all are equally likely.
      if (tied === 1 || random() * tied < 1) best = i;
    }
    return best;
  },
};
