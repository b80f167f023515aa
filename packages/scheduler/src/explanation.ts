import type { SchedulingErrorCode } from "./scheduling-error-code.ts";

/** Explains one pick, as plain data. */
export interface Explanation {
  readonly profile: string;
  /** Endpoints the request could go to, before any filter. */
  readonly candidates: readonly string[];
  /** Filters in the order they ran. */
  readonly filters: readonly FilterStep[];
  /** Empty if the profile has no scorer or only one endpoint was left. */
  readonly scorers: readonly ScorerStep[];
  /** Weighted sum of each endpoint, in the order of the scorers' endpoints. */
  readonly totals: readonly EndpointScore[];
  readonly picker: string;
  /** Absent if the request was refused. */
  readonly picked?: string;
  readonly refusal?: SchedulingErrorCode;
}

/** What one filter kept. */
export interface FilterStep {
  readonly name: string;
  readonly survivors: readonly string[];
  /** The filter is only a preference and would have left no endpoint, or only one endpoint was left before it. */
  readonly isSkipped: boolean;
}

/** How one scorer rated the endpoints that the filters left. */
export interface ScorerStep {
  readonly name: string;
  readonly weight: number;
  /** Scores clamped to 0 to 1, before weighting. */
  readonly scores: readonly EndpointScore[];
}

/** A score of one endpoint (`ip:port`); a higher one is better. */
export interface EndpointScore {
  readonly endpoint: string;
  readonly score: number;
}
