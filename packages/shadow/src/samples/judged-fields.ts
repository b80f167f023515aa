/** Why a pair that was drawn for the judge has no result. */
export const judgeFailures = [
  "budget",
  "rate",
  "timeout",
  "http",
  "unparsable",
  "opted_out",
  "redacted",
  "lane",
  "other",
] as const;

export type JudgeFailure = (typeof judgeFailures)[number];

/** Which of two answers a judge finds better. */
export const verdicts = ["A", "B", "tie"] as const;

/** Verdicts of a judge model on a pair that was drawn for it. */
export interface SampleJudged {
  /** 1: the shadow's answer is better in both orders; 0: worse; 0.5: a tie. Null if there is no result. */
  readonly w: 0 | 0.5 | 1 | null;
  /** Verdict with the primary's answer first, and with the shadow's first. */
  readonly ab: (typeof verdicts)[number] | null;
  readonly ba: (typeof verdicts)[number] | null;
  /** Probability with which such a pair is drawn, over 0 to 1. */
  readonly pi: number;
  /** Tokens of both calls together. */
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Why there is no result; null if there is one. */
  readonly why: JudgeFailure | null;
}
