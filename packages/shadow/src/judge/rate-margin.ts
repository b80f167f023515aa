/** A rate's margin is at least this share of the primary's own rate. */
const ofBaseline = 0.1;

/** The margin of a rate. `share`: of the primary's rate where that is what it comes from, and else 0. */
export function rateMargin(
  given: number,
  baselineRate: number,
): { readonly margin: number; readonly share: number } {
  const relative = ofBaseline * baselineRate;
  return relative > given ? { margin: relative, share: ofBaseline } : { margin: given, share: 0 };
}
