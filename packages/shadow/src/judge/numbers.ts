/** One number for each index. A plain loop: judging does this a hundred times at each analysis. */
export function numbersAt(
  indices: ArrayLike<number>,
  numberOf: (index: number) => number,
): Float64Array {
  const values = new Float64Array(indices.length);
  for (let at = 0; at < indices.length; at++) values[at] = numberOf(indices[at] ?? 0);
  return values;
}
