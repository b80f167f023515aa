/** Limits the number of a label's values, whatever comes from outside. */
export interface LabelValues {
  /** Returns the value, always as the same string, or `other` if there are too many. */
  of(value: string): string;
  /** Always allows the value. */
  pin(value: string): void;
  /** Forgets values, so that others have room. */
  forget(isGone: (value: string) => boolean): void;
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
    pin(value) {
      known.set(value, value);
    },
    forget(isGone) {
      for (const value of known.keys()) if (isGone(value)) known.delete(value);
    },
  };
}
