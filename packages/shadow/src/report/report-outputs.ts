import type { ReportJudge } from "./report-judge.ts";

/** What the answers of both lanes say, in numbers. Described; the gates `out.*` judge it. */
export interface ReportOutputs {
  /**
   * Absent if texts were compared. `sketch`: hashes of them, so that `sim` is an estimate of the share of common runs of
   * five characters, and `lcp_p50` a lower bound.
   */
  readonly mode?: "sketch";
  /** Pairs whose answers were compared, and their share of the pairs whose legs are both ok. */
  readonly compared: number;
  readonly coverage: number;
  /** Pairs that were not compared, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Compared pairs of which only the start of an answer was looked at. */
  readonly cut: number;
  readonly floor: OutputFloor | null;
  /** All requests, and where there are several ways to choose tokens, each of them. */
  readonly agreement: readonly OutputAgreement[];
  readonly lanes: {
    readonly primary: LaneOutputs;
    readonly shadow: LaneOutputs;
    /** Over the requests that the control answered too; absent without any. */
    readonly control?: LaneOutputs;
  };
  /** Pairs of requests with tools, by how far their calls agree; null without such requests. */
  readonly tools: OutputTools | null;
  /** Share of pairs whose texts differ before a number of code points. */
  readonly divergence: readonly (readonly [chars: number, share: number])[];
  /** The same of the control's texts, over the requests that it answered too; absent without any. */
  readonly divergence_floor?: readonly (readonly [chars: number, share: number])[];
  readonly logprob: OutputLogprob | null;
  /** Absent if no answer of the shadow has log probabilities. */
  readonly perplexity?: OutputPerplexity;
  /** Absent if no judge model was asked. */
  readonly judge?: ReportJudge;
}

/** Answers of the control lane, which tell how far the primary agrees with itself. */
export interface OutputFloor {
  readonly pool: string;
  /** Requests that all three lanes answered. */
  readonly triples: number;
}

/** Means over pairs; of the floor over triples, null without any. */
export interface OutputAgreement {
  readonly bucket: "all" | "greedy" | "seeded" | "sampled";
  readonly n: number;
  /** Share of equal answers. */
  readonly exact: number;
  readonly exact_floor: number | null;
  /** Median of the common prefix, in code points. */
  readonly lcp_p50: number;
  readonly sim: number;
  /** Pairs whose similarity was measured; absent if it was all. */
  readonly sim_n?: number;
  readonly sim_floor: number | null;
}

/** Shares of a lane's answers, 0 to 1; null if no compared answer tells, or no request asks for it. */
export interface LaneOutputs {
  readonly refusal: number | null;
  readonly loop: number | null;
  readonly json_bad: number | null;
  readonly tool_bad: number | null;
  readonly script_bad: number | null;
  /** Median length in code points. */
  readonly chars_p50: number | null;
}

export interface OutputTools {
  readonly n: number;
  readonly levels: readonly (readonly [level: string, pairs: number])[];
}

/** Perplexity of answers by their own models, from the log probabilities in the answers. */
export interface OutputPerplexity {
  /** Answers of the shadow that have it. */
  readonly n: number;
  /** Medians; null without any. */
  readonly primary: number | null;
  readonly shadow: number | null;
  readonly control?: number;
  /** Geometric mean of the shadow's over another lane's, of the same requests; null if no other lane has it. */
  readonly ratio: {
    readonly to: "primary" | "control";
    readonly n: number;
    readonly value: number;
  } | null;
}

/** Means over pairs with log probabilities, in nats. */
export interface OutputLogprob {
  readonly n: number;
  readonly abs: number | null;
  readonly diff: number | null;
  /** Share of the pairs that part at tokens that are about as likely; null if none part. */
  readonly near_tie: number | null;
  /** The same of the control, over triples with log probabilities; absent without any. */
  readonly floor?: {
    readonly triples: number;
    readonly abs: number | null;
    readonly near_tie: number | null;
    /** How much further the shadow's are from the primary's than the control's are. */
    readonly excess: number | null;
  };
}
