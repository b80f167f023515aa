import type { Endpoint } from "../model/endpoint.ts";
import { assumedCount } from "../model/load.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { PickContext, Scorer } from "../plugin.ts";

export type AmountOf = (
  endpoint: Endpoint,
  request: InferenceRequest,
  context: PickContext,
) => number | undefined;

/** Replaces each NaN among `amounts`, one for each of `endpoints`. */
export type AssumeAmounts = (
  endpoints: readonly Endpoint[],
  amounts: Float64Array,
  request: InferenceRequest,
  context: PickContext,
) => void;

/**
 * A scorer of a value of which less is better: linear between the largest among the candidates (0) and the smallest
 * (1), so that the spread counts and not the scale. Equal values score 1. An undefined value scores `unknown`, or is
 * the one that it assumes; when absent, one by requests in flight.
 */
export function lessIsBetter(
  name: string,
  amountOf: AmountOf,
  unknown: number | AssumeAmounts = assumeByInFlight,
): Scorer {
  return {
    name,
    score(request, endpoints, scores, context) {
      const count = endpoints.length;
      let smallest = Number.POSITIVE_INFINITY;
      let largest = Number.NEGATIVE_INFINITY;
      let isComplete = true;
      for (let i = 0; i < count; i++) {
        const value = amountOf(endpoints[i] as Endpoint, request, context);
        if (value === undefined) {
          isComplete = false;
          scores[i] = Number.NaN;
          continue;
        }
        scores[i] = value;
        if (value < smallest) smallest = value;
        if (value > largest) largest = value;
      }
      if (!isComplete && typeof unknown === "function") {
        unknown(endpoints, scores, request, context);
        for (let i = 0; i < count; i++) {
          smallest = Math.min(smallest, scores[i] as number);
          largest = Math.max(largest, scores[i] as number);
        }
      }
      const range = largest - smallest;
      for (let i = 0; i < count; i++) {
        const value = scores[i] as number;
        if (Number.isNaN(value)) scores[i] = unknown as number;
        else scores[i] = range === 0 ? 1 : (largest - value) / range;
      }
    },
  };
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
