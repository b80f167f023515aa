import type { Endpoint } from "../model/endpoint.ts";

/** Keeps the endpoints whose value is the lowest. */
export function keepLowest(
  endpoints: readonly Endpoint[],
  loadOf: (endpoint: Endpoint) => number,
): readonly Endpoint[] {
  let lowest = Number.POSITIVE_INFINITY;
  let kept: Endpoint[] = [];
  for (const endpoint of endpoints) {
    const value = loadOf(endpoint);
    if (value < lowest) {
      lowest = value;
      kept = [endpoint];
    } else if (value === lowest) {
      kept.push(endpoint);
    }
  }
  return kept.length === 0 ? endpoints : kept;
}
