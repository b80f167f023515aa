import type { Endpoint } from "../model/endpoint.ts";
import { assumedCount } from "../model/load.ts";

/**
 * Which values count as low. `lowest`: only the lowest. A number from 0 to 1: also values within that share of the
 * range above the lowest. `range-per-endpoint`: within the range divided by the number of endpoints, as in the Gateway
 * API Inference Extension's first scheduler.
 */
export type LowBand = "lowest" | "range-per-endpoint" | number;

/** Keeps the endpoints with low values. Unknown values are estimated from requests in flight. */
export function keepLow(
  endpoints: readonly Endpoint[],
  band: LowBand,
  amountOf: (endpoint: Endpoint) => number | undefined,
): readonly Endpoint[] {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  const known = { count: 0, total: 0, inFlight: 0 };
  for (const endpoint of endpoints) {
    const value = amountOf(endpoint);
    if (value === undefined) continue;
    known.count++;
    known.total += value;
    known.inFlight += endpoint.inFlight;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  const assumedAmountOf = (endpoint: Endpoint): number =>
    amountOf(endpoint) ?? assumedCount(endpoint, known);
  if (known.count < endpoints.length) {
    for (const endpoint of endpoints) {
      lowest = Math.min(lowest, assumedAmountOf(endpoint));
      highest = Math.max(highest, assumedAmountOf(endpoint));
    }
  }
  const most = lowest + (highest - lowest) * shareOf(band, endpoints.length);
  if (highest <= most) return endpoints;
  return endpoints.filter((endpoint) => assumedAmountOf(endpoint) <= most);
}

function shareOf(band: LowBand, count: number): number {
  if (band === "lowest") return 0;
  return band === "range-per-endpoint" ? 1 / count : band;
}
