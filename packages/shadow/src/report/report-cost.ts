/**
 * Cost and load of both lanes, at the load during the run. Unknown values are null: a samples file alone does not
 * contain the primary's traffic.
 */
export interface ReportCost {
  readonly primary: LaneCost;
  readonly shadow: LaneCost;
  /** Shadow replicas needed for the primary's traffic; null without an SLO or without counts of all traffic. */
  readonly replicas_needed: ReplicasNeeded | null;
  readonly mirroring: MirroringCost;
  /** SLO misses per hour if the lane answered all eligible requests; null without an SLO. */
  readonly slo_misses_per_hour: SloMisses | null;
}

/** An estimate with its 90 % interval. The bounds are null if there are too few blocks of time. */
export interface Estimate {
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
}

/** Cost of everything the lane's endpoints answered, mirrored or not. */
export interface LaneCost {
  readonly replicas: number | null;
  /** GPUs of one replica. */
  readonly gpus_per_replica: number | null;
  /** Price of one replica per hour, in the currency of the policy. */
  readonly cost_per_hour: number | null;
  readonly requests_per_s: number | null;
  /** Output tokens per second: requests per second times the mean output tokens of the measured requests. */
  readonly tokens_per_s: number | null;
  readonly per_replica: Rates | null;
  readonly per_gpu: Rates | null;
  /** Price of a million output tokens at this load. */
  readonly cost_per_million_tokens: number | null;
  /** Load at which the rates were measured; null without metrics of endpoints. */
  readonly utilisation: Utilisation | null;
}

export interface Rates {
  readonly requests_per_s: number;
  readonly tokens_per_s: number;
}

/** Means over the run of the values that the lane's endpoints reported, per endpoint. */
export interface Utilisation {
  readonly running: number;
  readonly waiting: number;
  /** Share of the KV cache in use, 0..1. */
  readonly kv_cache: number;
  /** Number of readings in the means. */
  readonly readings: number;
}

export interface ReplicasNeeded extends Estimate {
  /** The 99th percentile of eligible requests per second, over blocks of 10 s. */
  readonly peak_requests_per_s: number;
  /** Requests per second of one replica, in time blocks that kept the SLO. */
  readonly per_replica: number;
  /**
   * `demand`: the shadow kept the SLO in every block, so it may carry more and the number is an upper bound.
   * `capacity`: it missed the SLO in some blocks, and the number is an estimate.
   */
  readonly basis: "demand" | "capacity";
}

export interface MirroringCost {
  readonly requests: number;
  /** Prompt tokens of the shadow, over measured requests. */
  readonly prompt_tokens: number;
  readonly output_tokens: number;
  /** GPUs of the shadow times the length of the run; null if the GPUs are unknown. */
  readonly gpu_hours: number | null;
  readonly cost: number | null;
  /**
   * Latency of mirrored over unmirrored primary requests: 1 is no harm. Each bound holds with 99 % at every analysis.
   */
  readonly primary_latency: Estimate | null;
}

export interface SloMisses {
  readonly primary: Estimate;
  readonly shadow: Estimate;
  readonly difference: Estimate;
  /** Eligible requests per hour that the misses are counted for. */
  readonly requests_per_hour: number;
}
