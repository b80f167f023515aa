/** Linear between the largest known value (0) and the smallest (1); equal values score 1, an unknown one 0. */
export function betweenLargestAndSmallest(values: readonly (number | undefined)[]): number[] {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value === undefined) continue;
    smallest = Math.min(smallest, value);
    largest = Math.max(largest, value);
  }
  return values.map((value) => {
    if (value === undefined) return 0;
    return largest === smallest ? 1 : (largest - value) / (largest - smallest);
  });
}
