import type { Picker } from "../plugin.ts";

/** Picks any endpoint with equal probability. */
export const randomPicker: Picker = {
  name: "random",
  pick: (_scores, count, random) => Math.floor(random() * count),
};
