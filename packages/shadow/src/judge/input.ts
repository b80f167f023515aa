import type { Utilisation } from "../report/report-cost.ts";
import type { ReportFunnel, ShadowReport } from "../report/shadow-report.ts";
import type { Sample } from "../samples/sample.ts";
import type { EvaluationConfig, GateId } from "./config.ts";

/** All that a verdict is made from. */
export interface EvaluationInput {
  /** Of one candidate, in any order. */
  readonly samples: Iterable<Sample>;
  /** The control lane's samples of the same requests: its legs then stand for the primary's. */
  readonly control?: Iterable<Sample>;
  readonly config: EvaluationConfig;
  readonly facts?: EvaluationFacts;
  /** Gates, checks and verdict alone: what only describes the pairs stays empty, which is most of the work. */
  readonly isBrief?: boolean;
  /**
   * For simulations, which judge often. `decisive`: before the planned end no segments, and only the gates and checks that
   * can end an evaluation that early. A gate's name: that gate alone, at the error that it has among all of them.
   */
  readonly only?: "decisive" | GateId;
}

/** What the samples do not say. All of it may be unknown. */
export interface EvaluationFacts {
  /** `namespace/name` of the HTTPRoute; the samples' own when absent. */
  readonly route?: string;
  /** In ms since the epoch; the first sample's dispatch when absent. */
  readonly startedAtMs?: number;
  /** The look's time; the last sample's dispatch when absent. */
  readonly nowMs?: number;
  /** The samples are a finished run: its end is the planned end, however short it was. */
  readonly isFinished?: boolean;
  /** A budget ended the evaluation before its horizon: that, too, was planned. */
  readonly isBudgetSpent?: boolean;
  /** Mirrored requests that were under way when the planned end, or the end of the budget, was passed, and still are. */
  readonly openBeforeEnd?: number;
  readonly sampling?: { readonly percent: number; readonly by: "request" | "session" };
  readonly baseline?: LaneFacts;
  readonly candidate?: LaneFacts;
  readonly control?: LaneFacts;
  /** Counted where requests were decided on; from the samples when absent. */
  readonly counts?: FunnelCounts;
  /** Ready replicas' requests per second, shadow over primary. */
  readonly loadRatio?: number;
  /** `namespace/name` of the ShadowPolicy. */
  readonly policy?: string;
  /** 99th percentile of the primary's requests per second, over blocks of 10 s. */
  readonly peakPerSecond?: number;
  /** Measured, and left out at random for want of memory. */
  readonly leftOut?: { readonly paired: number; readonly lost: number };
  readonly captured?: number;
  readonly limitsHit?: readonly string[];
  /** The report of the look before, of the same evaluation. */
  readonly earlier?: ShadowReport;
}

export interface LaneFacts {
  readonly pool: string;
  readonly models?: readonly string[];
  readonly engine?: string;
  readonly replicas?: number;
  /** Of one replica. */
  readonly gpus?: number;
  /** Of one replica, in whatever currency. */
  readonly costPerHour?: number;
  readonly load?: LaneLoad;
}

/** What the lane's endpoints carried since the evaluation's start, mirrored or not. */
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
