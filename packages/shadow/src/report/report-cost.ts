/**
 * What both lanes cost and what they carried, at the load that they were seen under. Null where it is not known: a samples
 * file alone does not say how much traffic the primary had.
 */
export interface ReportCost {
  readonly primary: LaneCost;
  readonly shadow: LaneCost;
  /** Replicas of the shadow that the primary's traffic would need; null without an SLO, and without counts of all traffic. */
  readonly replicas_needed: ReplicasNeeded | null;
  readonly mirroring: MirroringCost;
  /** SLO misses per hour if the lane answered all eligible requests; null without an SLO. */
  readonly slo_misses_per_hour: SloMisses | null;
}

/** An estimate with its 90 % interval; bounds are null where there are too few blocks of time for one. */
export interface Estimate {
  readonly estimate: number;
  readonly lower: number | null;
  readonly upper: number | null;
}

/** All that the lane's endpoints answered, mirrored or not. */
export interface LaneCost {
  readonly replicas: number | null;
  /** GPUs of one replica. */
  readonly gpus_per_replica: number | null;
  /** Price of one replica for an hour, in whatever currency the policy speaks. */
  readonly cost_per_hour: number | null;
  readonly requests_per_s: number | null;
  /** Output tokens per second: requests per second times the mean of the requests that were measured. */
  readonly tokens_per_s: number | null;
  readonly per_replica: Rates | null;
  readonly per_gpu: Rates | null;
  /** Price of a million output tokens at this load. */
  readonly cost_per_million_tokens: number | null;
  /** The load that the rates were seen under; null without metrics of endpoints. */
  readonly utilisation: Utilisation | null;
}

export interface Rates {
  readonly requests_per_s: number;
  readonly tokens_per_s: number;
}

/** Means over the run of what the lane's endpoints reported, per endpoint. */
export interface Utilisation {
  readonly running: number;
  readonly waiting: number;
  /** Share of the KV cache in use, 0..1. */
  readonly kv_cache: number;
  /** Readings that the means are made of. */
  readonly readings: number;
}

export interface ReplicasNeeded extends Estimate {
  /** The 99th percentile of eligible requests per second, over blocks of 10 s. */
  readonly peak_requests_per_s: number;
  /** Requests per second of one replica, in blocks of time that kept the SLO. */
  readonly per_replica: number;
  /**
   * `demand`: the shadow kept the SLO in every block that was seen, so it may carry more and the number is an upper bound.
   * `capacity`: it missed the SLO in some, and the number is an estimate.
   */
  readonly basis: "demand" | "capacity";
}

export interface MirroringCost {
  readonly requests: number;
  /** Prompt and output tokens of the shadow; of requests that were measured. */
  readonly prompt_tokens: number;
  readonly output_tokens: number;
  /** GPUs of the shadow times the length of the run; null when GPUs are not known. */
  readonly gpu_hours: number | null;
  readonly cost: number | null;
  /** Latency of mirrored primaries over unmirrored ones: 1 is no harm. Bounds of 99 % each, at every look. */
  readonly primary_latency: Estimate | null;
}

export interface SloMisses {
  readonly primary: Estimate;
  readonly shadow: Estimate;
  readonly difference: Estimate;
  /** Eligible requests per hour that the misses are counted for. */
  readonly requests_per_hour: number;
}
