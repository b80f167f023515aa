/**
 * The amount as told; undefined where it is none: absent, NaN, infinite, negative. One such value would stay in a sum or
 * a moving average for ever, and some come from servers and clients.
 */
export function toldAmount(value: number | undefined): number | undefined {
  return value !== undefined && value >= 0 && value < Number.POSITIVE_INFINITY ? value : undefined;
}
