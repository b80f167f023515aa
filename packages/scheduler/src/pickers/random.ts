import type { Picker } from "../plugin.ts";

/** Picks any candidate, each as likely as the other. */
export const randomPicker: Picker = {
  name: "random",
  pick: (_scores, count, random) => Math.floor(random() * count),
};
