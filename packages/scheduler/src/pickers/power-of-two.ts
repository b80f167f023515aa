import type { Picker } from "../plugin.ts";

/**
 * Draws two different candidates and picks the better one: nearly as even as the best, and many pickers with the
 * same old numbers don't all choose the same (Mitzenmacher, 2001, "The power of two choices").
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
