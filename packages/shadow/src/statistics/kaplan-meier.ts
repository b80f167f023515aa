/**
 * Quantiles of times of which some were cut short: product-limit estimator of Kaplan and Meier (1958), Journal of the
 * American Statistical Association 53, 457-481. `cut` has the times at which the others were cut short. Right only if
 * what is cut short would have taken as long as the rest; null where too few are left to see a quantile.
 */
export function survivalQuantiles(
  seen: ArrayLike<number>,
  cut: ArrayLike<number>,
  levels: readonly number[],
): readonly (number | null)[] {
  const ends = [
    ...Array.from(seen, (at) => ({ at, isSeen: true })),
    ...Array.from(cut, (at) => ({ at, isSeen: false })),
    // What is cut short at the time of an end had not ended by then.
  ].sort((a, b) => a.at - b.at || Number(b.isSeen) - Number(a.isSeen));
  const found: (number | null)[] = levels.map(() => null);
  let surviving = 1;
  ends.forEach(({ at, isSeen }, index) => {
    if (!isSeen || !Number.isFinite(at)) return;
    const atRisk = ends.length - index;
    surviving *= 1 - 1 / atRisk;
    levels.forEach((level, l) => {
      if (found[l] === null && 1 - surviving >= level - 1e-12) found[l] = at;
    });
  });
  return found;
}
