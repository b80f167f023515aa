import type { Endpoint } from "../model/endpoint.ts";
import { type InferenceRequest, isSheddable } from "../model/request.ts";
import type { SchedulingErrorCode } from "../scheduling-error-code.ts";
import { type SaturationDetector, utilizationDetector } from "./saturation.ts";

/** Decides whether a request is admitted before an endpoint is chosen. */
export interface Admission {
  /** Returns why the request is refused; undefined if it is admitted. */
  refuses(
    request: InferenceRequest,
    candidates: readonly Endpoint[],
  ): SchedulingErrorCode | undefined;
  /** Saturation: 0 is idle, 1 and above is saturated. */
  saturation(endpoints: readonly Endpoint[]): number;
  /** Wait that a refused client is advised, in ms. */
  readonly retryAfterMs: number;
}

export interface AdmissionOptions {
  /** `utilizationDetector()` when absent. */
  readonly detector?: SaturationDetector;
  /** Saturation from which sheddable requests are refused; 1 when absent. */
  readonly shedFrom?: number;
  /** Saturation from which every request is refused; never when absent. */
  readonly refuseFrom?: number;
  /** 1,000 when absent. */
  readonly retryAfterMs?: number;
}

/** Creates an admission that refuses sheddable requests (negative priority) while the pool is saturated. */
export function createAdmission(options: AdmissionOptions = {}): Admission {
  const {
    detector = utilizationDetector(),
    shedFrom = 1,
    refuseFrom = Number.POSITIVE_INFINITY,
    retryAfterMs = 1_000,
  } = options;
  return {
    retryAfterMs,
    saturation: detector,
    refuses(request, candidates) {
      const canShed = isSheddable(request);
      // The detector visits all endpoints, so it runs only if its result matters.
      if (!canShed && refuseFrom === Number.POSITIVE_INFINITY) return undefined;
      const saturation = detector(candidates);
      if (canShed && saturation >= shedFrom) return "SHED";
      return saturation >= refuseFrom ? "POOL_SATURATED" : undefined;
    },
  };
}

/**
 * Creates an admission that refuses no request: for a pool with a queue, or one whose servers refuse requests
 * themselves.
 */
export function admitAll(
  detector: SaturationDetector = utilizationDetector({ withSent: true }),
): Admission {
  return createAdmission({ detector, shedFrom: Number.POSITIVE_INFINITY });
}
