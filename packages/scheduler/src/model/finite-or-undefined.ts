/**
 * Returns the value if it is finite and not negative; otherwise undefined. Values from servers and clients may be
 * neither, and one NaN would corrupt a sum or a moving average permanently.
 */
export function finiteOrUndefined(value: number | undefined): number | undefined {
  return value !== undefined && value >= 0 && value < Number.POSITIVE_INFINITY ? value : undefined;
}
