/**
 * Quantile of values in ascending order, linear between order statistics: type 7 of Hyndman and Fan (1996), the default
 * of R and numpy. NaN without values.
 */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  const at = (sorted.length - 1) * p;
  const low = Math.floor(at);
  const below = sorted[low] ?? Number.NaN;
  const above = sorted[low + 1] ?? below;
  // Not by subtraction, because answers that never arrived are infinite.
  return at === low || above === below ? below : below + (at - low) * (above - below);
}

/** Returns a sorted copy. */
export function sorted(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).sort();
}
