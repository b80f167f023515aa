import type { Picker } from "../plugin.ts";

/**
 * Draws two different endpoints and picks the better one. The load is nearly as even as with the best score, and many
 * pickers with the same outdated metrics don't all choose the same endpoint (Mitzenmacher, 2001, "The power of two
 * choices").
 */
export const powerOfTwoPicker: Picker = {
  name: "power-of-two",
  pick(scores, count, random) {
    const first = Math.floor(random() * count);
    if (count === 1) return first;
    const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
    return (scores[second] as number) > (scores[first] as number) ? second : first;
  },
};
