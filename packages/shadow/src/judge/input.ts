import type { Utilisation } from "../report/report-cost.ts";
import type { ReportFunnel, ShadowReport } from "../report/shadow-report.ts";
import type { Sample } from "../samples/sample.ts";
import type { LeftOut } from "../samples/sample-store.ts";
import type { EvaluationConfig } from "./config.ts";

/** Input of a verdict. */
export interface EvaluationInput {
  /** Samples of one shadow, in any order. */
  readonly samples: Iterable<Sample>;
  /** Samples of the control lane for the same requests. Its legs then replace the primary's. */
  readonly control?: Iterable<Sample>;
  readonly config: EvaluationConfig;
  readonly facts?: EvaluationFacts;
  /** Computes only gates, checks and verdict. The descriptive parts, which are most of the work, stay empty. */
  readonly isBrief?: boolean;
}

/** Facts that are not in the samples. Each may be unknown. */
export interface EvaluationFacts {
  /** `namespace/name` of the HTTPRoute; the samples' own when absent. */
  readonly route?: string;
  /** In ms since the epoch; the first sample's dispatch when absent. */
  readonly startedAtMs?: number;
  /** Time of this analysis; the last sample's dispatch when absent. */
  readonly nowMs?: number;
  /** The samples are a finished run, so their end counts as the planned end. */
  readonly isFinished?: boolean;
  /** A budget ended the evaluation before its horizon, which also counts as planned. */
  readonly isBudgetSpent?: boolean;
  /** Mirrored requests still in flight that were sent before the planned end or the end of the budget. */
  readonly openBeforeEnd?: number;
  readonly sampling?: { readonly percent: number; readonly by: "request" | "session" };
  readonly baseline?: LaneFacts;
  readonly candidate?: LaneFacts;
  readonly control?: LaneFacts;
  /** Counts from the process that decided about requests; from the samples when absent. */
  readonly counts?: FunnelCounts;
  /** Requests per second per ready replica, shadow over primary. */
  readonly loadRatio?: number;
  /** `namespace/name` of the ShadowPolicy. */
  readonly policy?: string;
  /** Which version of an API server's object it is. */
  readonly policyGeneration?: number;
  /** 99th percentile of the primary's requests per second, over blocks of 10 s. */
  readonly peakPerSecond?: number;
  /** Measured pairs that were left out at random to save memory. */
  readonly leftOut?: LeftOut;
  readonly captured?: number;
  readonly limitsHit?: readonly string[];
  /** Report of the previous analysis of the same evaluation. */
  readonly earlier?: ShadowReport;
}

export interface LaneFacts {
  readonly pool: string;
  readonly models?: readonly string[];
  readonly engine?: string;
  readonly replicas?: number;
  /** GPUs of one replica. */
  readonly gpus?: number;
  /** Cost of one replica per hour, in any currency. */
  readonly costPerHour?: number;
  readonly load?: LaneLoad;
}

/** Load of a lane's endpoints since the evaluation's start, mirrored or not. */
export interface LaneLoad {
  readonly requests: number;
  readonly seconds: number;
  /** Null without metrics of endpoints. */
  readonly utilisation: Utilisation | null;
}

export type FunnelCounts = Pick<
  ReportFunnel,
  "not_eligible" | "eligible" | "sampled" | "dispatched" | "dropped"
>;
