/** Keeps a label's values few, whatever comes from outside. */
export interface LabelValues {
  /** The value, as the same string each time, or `other` once there are too many. */
  of(value: string): string;
}

/** What every value is called for which there is no room. */
export const otherValue = "other";

const maxValues = 1_000;
const maxLength = 256;

/**
 * Lets so many different values through, the pinned ones among them: those always.
 *
 * @param limit 1,000 when absent
 * @param isPlain what may be let through at all; any text when absent
 */
export function createLabelValues(
  pinned: Iterable<string>,
  limit: number = maxValues,
  isPlain: (value: string) => boolean = () => true,
): LabelValues {
  const known = new Map([...pinned].map((value) => [value, value]));
  return {
    of(value) {
      const own = known.get(value);
      if (own !== undefined) return own;
      const hasRoom = known.size < limit && value.length <= maxLength;
      if (!hasRoom || !isPlain(value)) return otherValue;
      known.set(value, value);
      return value;
    },
  };
}
