import type { SchedulingErrorCode } from "./scheduling-error-code.ts";

/** Why a pick came out as it did: plain data. */
export interface Explanation {
  readonly profile: string;
  /** Endpoints that the request might have gone to, before any filter. */
  readonly candidates: readonly string[];
  /** In order. */
  readonly filters: readonly FilterStep[];
  /** Empty where the profile has no scorer or one endpoint was left. */
  readonly scorers: readonly ScorerStep[];
  /** Weighted sums by endpoint, in order of `scorers`' endpoints. */
  readonly totals: readonly EndpointScore[];
  readonly picker: string;
  /** Absent where the request was refused. */
  readonly picked?: string;
  readonly refusal?: SchedulingErrorCode;
}

export interface FilterStep {
  readonly name: string;
  readonly survivors: readonly string[];
  /** The filter left nothing and only states a preference, or there was no choice to make. */
  readonly isSkipped: boolean;
}

export interface ScorerStep {
  readonly name: string;
  readonly weight: number;
  /** Clamped to 0 to 1, before the weight. */
  readonly scores: readonly EndpointScore[];
}

export interface EndpointScore {
  readonly endpoint: string;
  readonly score: number;
}
