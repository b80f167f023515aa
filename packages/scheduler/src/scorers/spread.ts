import type { Endpoint } from "../model/endpoint.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { PickContext, Scorer } from "../plugin.ts";

/**
 * A scorer of a value of which less is better: linear between the largest among the candidates (0) and the smallest
 * (1), so that the spread counts and not the scale. Equal values score 1; an undefined one scores `unknown`.
 */
export function lessIsBetter(
  name: string,
  amountOf: (
    endpoint: Endpoint,
    request: InferenceRequest,
    context: PickContext,
  ) => number | undefined,
  unknown = 0,
): Scorer {
  return {
    name,
    score(request, endpoints, scores, context) {
      const count = endpoints.length;
      let smallest = Number.POSITIVE_INFINITY;
      let largest = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < count; i++) {
        const value = amountOf(endpoints[i] as Endpoint, request, context) ?? Number.NaN;
        scores[i] = value;
        if (value < smallest) smallest = value;
        if (value > largest) largest = value;
      }
      const range = largest - smallest;
      for (let i = 0; i < count; i++) {
        const value = scores[i] as number;
        if (Number.isNaN(value)) scores[i] = unknown;
        else scores[i] = range === 0 ? 1 : (largest - value) / range;
      }
    },
  };
}
