/** Both lanes through the run, in steps of equal length. */
export interface OverTime {
  readonly step_s: number;
  readonly points: readonly OverTimePoint[];
  /** Endpoints that joined, left or were silent: the visible effects of restarts and scaling. */
  readonly events: readonly LaneEvent[];
}

export interface OverTimePoint {
  /** Start of the step, in seconds since the start of the evaluation. */
  readonly t: number;
  /** Pairs sent during the step. */
  readonly pairs: number;
  /** Medians over used pairs. */
  readonly ttft_ms: BothLanes;
  readonly tpot_ms: BothLanes;
  /** Median E2E of answers that are not streamed. */
  readonly whole_ms: BothLanes;
  /** Bad answers among judged pairs, 0..1. */
  readonly errors: BothLanes;
  /** Mean number of mirrored requests in flight. */
  readonly in_flight: BothLanes;
}

export interface BothLanes {
  readonly primary: number | null;
  readonly shadow: number | null;
}

export interface LaneEvent {
  /** In seconds since the start of the evaluation. */
  readonly t: number;
  /** For `silent`: when the endpoint answered again. */
  readonly until_t: number | null;
  readonly lane: "primary" | "shadow";
  readonly kind: "joined" | "left" | "silent";
  /** `ip:port` */
  readonly endpoint: string;
}
