import { codePointsOf } from "./normalized-text.ts";

export interface CommonPrefix {
  /** Code points of the longest common prefix. */
  readonly lcp: number;
  /** Share of the longer text, 0 to 1; 1 if both are empty. */
  readonly lcpShare: number;
}

/** Measures how far two normalized texts agree from their start. */
export function commonPrefix(a: string, b: string): CommonPrefix {
  const [first, second] = [codePointsOf(a), codePointsOf(b)];
  const shorter = Math.min(first.length, second.length);
  const longer = Math.max(first.length, second.length);
  let lcp = 0;
  while (lcp < shorter && first[lcp] === second[lcp]) lcp++;
  return { lcp, lcpShare: longer === 0 ? 1 : lcp / longer };
}
