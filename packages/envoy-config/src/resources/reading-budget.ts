import type { Spend } from "./source.ts";

/** Maximum levels of nesting. */
export const maxDepth = 100;

/** Maximum fields and items per file, with aliases expanded, or per object. */
export const maxRead = 10_000_000;

export interface Budget {
  readonly spend: Spend;
  /** Fields and items read. */
  spent(): number;
  isExceeded(): boolean;
}

/** Creates the budget of a file, or of a part of it. */
export function createBudget(): Budget {
  let left = maxRead;
  return {
    spent: () => maxRead - left,
    isExceeded: () => left < 0,
    spend(count, depth, tooMuch) {
      if (left < 0) return false;
      left = depth > maxDepth ? -1 : left - count;
      if (left >= 0) return true;
      left = -1;
      tooMuch();
      return false;
    },
  };
}
