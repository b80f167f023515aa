/** Verdicts of a judge model on pairs of answers, each shown to it in both orders. Shares are 0 to 1, null without results. */
export interface ReportJudge {
  /** Pairs with a result, and the calls that it took. */
  readonly pairs: number;
  readonly calls: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** Null without prices. */
  readonly cost_usd: number | null;
  /** Of the pairs with a result: the shadow is better in both orders, neither, or worse in both. */
  readonly win: number | null;
  readonly tie: number | null;
  readonly loss: number | null;
  /** Win rate over all compared pairs, where equal answers are ties and ties are half, and its 90 % bounds. */
  readonly mu: number | null;
  readonly lower: number | null;
  readonly upper: number | null;
  /** Pairs with the same verdict in both orders. */
  readonly consistency: number | null;
  /** Verdicts for one answer that name the first; 0.5 without preference. */
  readonly first_place: number | null;
  /** Win rate among answers of about the same length. */
  readonly mu_same_length: number | null;
  /** Win rate of the control over the primary; 0.5 for a fair judge. */
  readonly control_mu: number | null;
  /** Pairs that were drawn and have no result, by reason. */
  readonly not_judged: Readonly<Record<string, number>>;
}
