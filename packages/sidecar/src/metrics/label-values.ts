/** Limits the number of a label's values, whatever comes from outside. */
export interface LabelValues {
  /** Returns the value, or `other` if there are too many. */
  of(value: string): string;
}

/** The label value for all values above the limit. */
export const otherValue = "other";

const maxValues = 1_000;
const maxLength = 256;

/**
 * Limits the number of distinct values. Pinned values count towards the limit and are always allowed.
 *
 * @param limit 1,000 when absent
 * @param isPlain which values are allowed at all; any text when absent
 */
export function createLabelValues(
  pinned: Iterable<string>,
  limit: number = maxValues,
  isPlain: (value: string) => boolean = () => true,
): LabelValues {
  const known = new Set(pinned);
  return {
    of(value) {
      if (known.has(value)) return value;
      const hasRoom = known.size < limit && value.length <= maxLength;
      if (!hasRoom || !isPlain(value)) return otherValue;
      known.add(value);
      return value;
    },
  };
}
