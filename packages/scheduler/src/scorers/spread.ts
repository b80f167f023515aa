import type { Endpoint } from "../model/endpoint.ts";
import { assumedCount } from "../model/load.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { PickContext, Scorer } from "../plugin.ts";

export type AmountOf = (
  endpoint: Endpoint,
  request: InferenceRequest,
  context: PickContext,
) => number | undefined;

/**
 * Creates a scorer that prefers small values, scored by `spreadOut`. An undefined value scores `unknown`; without
 * `unknown` it is estimated from requests in flight.
 */
export function lessIsBetter(name: string, amountOf: AmountOf, unknown?: number): Scorer {
  return {
    name,
    score(request, endpoints, scores, context) {
      let isComplete = true;
      for (let i = 0; i < endpoints.length; i++) {
        const value = amountOf(endpoints[i] as Endpoint, request, context);
        if (value === undefined) isComplete = false;
        scores[i] = value ?? Number.NaN;
      }
      if (!isComplete && unknown === undefined) assumeByInFlight(endpoints, scores);
      spreadOut(scores, endpoints.length);
      if (isComplete || unknown === undefined) return;
      for (let i = 0; i < endpoints.length; i++) if (Number.isNaN(scores[i])) scores[i] = unknown;
    },
  };
}

/**
 * Replaces amounts by scores: linear from the largest amount (0) to the smallest (1), so that the spread matters and
 * not the scale. Equal amounts score 1; NaN stays NaN.
 */
export function spreadOut(amounts: Float64Array, count: number): void {
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const amount = amounts[i] as number;
    if (amount < smallest) smallest = amount;
    if (amount > largest) largest = amount;
  }
  const range = largest - smallest;
  for (let i = 0; i < count; i++) {
    const amount = amounts[i] as number;
    if (range !== 0) amounts[i] = (largest - amount) / range;
    else if (amount === largest) amounts[i] = 1;
  }
}

function assumeByInFlight(endpoints: readonly Endpoint[], counts: Float64Array): void {
  const known = { count: 0, total: 0, inFlight: 0 };
  for (let i = 0; i < endpoints.length; i++) {
    if (Number.isNaN(counts[i])) continue;
    known.count++;
    known.total += counts[i] as number;
    known.inFlight += (endpoints[i] as Endpoint).inFlight;
  }
  for (let i = 0; i < endpoints.length; i++) {
    if (Number.isNaN(counts[i])) counts[i] = assumedCount(endpoints[i] as Endpoint, known);
  }
}
