import type { Picker } from "../plugin.ts";

/**
 * Picks one of the `k` highest scores with equal probability. Ties for the last place are broken at random, so that an
 * idle pool does not use only its first `k` endpoints.
 *
 * @throws RangeError unless `k` is an integer of at least 1
 */
export function topKPicker(k: number): Picker {
  if (!Number.isInteger(k) || k < 1) {
    throw new RangeError(`topKPicker needs a whole number of at least 1, not ${k}`);
  }
  const best = new Int32Array(k);
  return {
    name: `top-${k}`,
    pick(scores, count, random) {
      let kept = 0;
      const start = Math.floor(random() * count);
      for (let step = 0; step < count; step++) {
        const i = (start + step) % count;
        const score = scores[i] as number;
        let at = kept;
        while (at > 0 && score > (scores[best[at - 1] as number] as number)) at--;
        if (at >= k) continue;
        best.copyWithin(at + 1, at, Math.min(kept, k - 1));
        best[at] = i;
        kept = Math.min(kept + 1, k);
      }
      return best[Math.floor(random() * kept)] as number;
    },
  };
}
