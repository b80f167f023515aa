import type { Picker } from "../plugin.ts";

/**
 * Picks any candidate, each as likely as the other.
 *
 * @param random uniform in [0, 1)
 */
export function randomPicker(random: () => number): Picker {
  return (candidates) => candidates[Math.floor(random() * candidates.length)] ?? candidates[0];
}
