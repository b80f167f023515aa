export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return sum / values.length;
}

export function sd(values: ArrayLike<number>): number {
  const middle = mean(values);
  return Math.sqrt(mean(Float64Array.from(values, (value) => (value - middle) ** 2)));
}

/** Correlation of values of mean 0 and this deviation with those `by` places later. */
export function correlation(values: Float64Array, spread: number, by: number): number {
  const products = values.subarray(by).map((value, i) => value * (values[i] ?? 0));
  return mean(products) / spread ** 2;
}
