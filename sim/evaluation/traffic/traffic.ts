/** What the requests of one simulated evaluation are like. Rates of lanes are shares of requests, 0 to 1. */
export interface Traffic {
  readonly seconds: number;
  /** Mirrored requests per second, on average. */
  readonly perSecond: number;
  readonly arrivals: "steady" | "bursts" | "daily";
  /** Kinds of prompt, by their share and median TTFT in ms. */
  readonly prompts: readonly PromptKind[];
  /** Standard deviation of log TTFT that both lanes share: what the prompt decides. */
  readonly promptLogSd: number;
  /** Standard deviation of the log ratio of TTFT of a pair. */
  readonly pairLogSd: number;
  readonly noise: "normal" | "pareto";
  /** Each lane's own load: an Ornstein-Uhlenbeck process with this memory, which makes `share` of the log ratio's variance. */
  readonly load: { readonly memoryS: number; readonly share: number } | undefined;
  /** Requests that take about 30 s. */
  readonly outliers: PerLane;
  readonly errors: PerLane;
  /** A lane fails everything for `seconds`, so often an hour. */
  readonly outages: PerLane & { readonly seconds: number };
  /** `finish_reason: length` of both legs, and of one alone. */
  readonly cutAnswers: PerLane & { readonly both: number };
  readonly streamed: number;
  /** Clients leave when the primary's first token takes longer, in ms. */
  readonly patienceMs: number;
  /** Twins that never come: at random, and all whose TTFT is over `slowestRatio` times the primary's. */
  readonly lost: { readonly atRandom: number; readonly slowestRatio: number };
  /** Requests that the mirror dropped, spread at random over the run. */
  readonly dropped: number;
  /** Sampling by session; undefined: every request is its own, and only mirrored ones are seen. */
  readonly sessions: Sessions | undefined;
}

export interface PerLane {
  readonly primary: number;
  readonly shadow: number;
}

export interface PromptKind {
  readonly share: number;
  readonly medianMs: number;
}

export interface Sessions {
  readonly count: number;
  /** Standard deviation of log TTFT between sessions. */
  readonly logSd: number;
  /** Share of sessions that are mirrored. */
  readonly mirrored: number;
  /** Share of unmirrored requests that are measured. */
  readonly observed: number;
  /** Factor that mirroring puts on the primary's latency; 1: no harm. */
  readonly harm: number;
}

const nowhere: PerLane = { primary: 0, shadow: 0 };

/** 30 min of 2 mirrored requests a second, independent of each other. */
export const independent: Traffic = {
  seconds: 1_800,
  perSecond: 2,
  arrivals: "steady",
  prompts: [{ share: 1, medianMs: 200 }],
  promptLogSd: 0.6,
  pairLogSd: 0.35,
  noise: "normal",
  load: undefined,
  outliers: nowhere,
  errors: { primary: 0.001, shadow: 0.001 },
  outages: { ...nowhere, seconds: 20 },
  cutAnswers: { ...nowhere, both: 0 },
  streamed: 1,
  patienceMs: Number.POSITIVE_INFINITY,
  lost: { atRandom: 0, slowestRatio: Number.POSITIVE_INFINITY },
  dropped: 0,
  sessions: undefined,
};
