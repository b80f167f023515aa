import type { Endpoint } from "../model/endpoint.ts";
import { type InferenceRequest, isSheddable } from "../model/request.ts";
import type { SchedulingErrorCode } from "../scheduling-error-code.ts";
import { type SaturationDetector, utilizationDetector } from "./saturation.ts";

/** Decides whether a request is tried at all. */
export interface Admission {
  /** Why it is not; undefined where it is. */
  refuses(
    request: InferenceRequest,
    candidates: readonly Endpoint[],
  ): SchedulingErrorCode | undefined;
  /** 0 idle, 1 and more full. */
  saturation(endpoints: readonly Endpoint[]): number;
  /** What a refused client is told to wait, in ms. */
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

/** Refuses sheddable requests, those of negative priority, while the pool is saturated. */
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
      // The detector walks all endpoints: it is not asked where its answer changes nothing.
      if (!canShed && refuseFrom === Number.POSITIVE_INFINITY) return undefined;
      const saturation = detector(candidates);
      if (canShed && saturation >= shedFrom) return "SHED";
      return saturation >= refuseFrom ? "POOL_SATURATED" : undefined;
    },
  };
}

/** Refuses nobody: for a pool behind a queue, or one whose servers refuse by themselves. */
export function admitAll(
  detector: SaturationDetector = utilizationDetector({ withSent: true }),
): Admission {
  return createAdmission({ detector, shedFrom: Number.POSITIVE_INFINITY });
}
