import type { ReportJudge } from "../report/report-judge.ts";
import type { ShadowReport } from "../report/shadow-report.ts";
import { count, percent, unknown } from "./format.ts";

/** Sentences about the verdicts of a judge model; none if there was none. */
export function judgeSentences({ outputs }: Pick<ShadowReport, "outputs">): readonly string[] {
  const judge = outputs?.judge;
  if (judge === undefined) return [];
  return [winSentence(judge), trustSentence(judge), costSentence(judge)];
}

/** `the shadow wins 17 % of 410 judged pairs, loses 15 % and ties 68 %; win rate of all pairs 51 % (47 % to 55 %)` */
function winSentence({ pairs, win, tie, loss, mu, lower, upper }: ReportJudge): string {
  if (pairs === 0) return "the judge has given no verdict yet";
  const found = `the judge prefers the shadow in ${percent(win, 0)} of ${count(pairs)} pairs, the primary in ${percent(loss, 0)} and neither in ${percent(tie, 0)}`;
  return `${found}; win rate over all pairs ${percent(mu, 1)} (${percent(lower, 1)} to ${percent(upper, 1)}), 50 % is equal`;
}

function trustSentence(judge: ReportJudge): string {
  const { consistency, first_place, mu_same_length, control_mu } = judge;
  return [
    `the judge gives the same verdict in both orders in ${percent(consistency, 0)}`,
    `names the first answer in ${percent(first_place, 0)}`,
    `win rate among answers of the same length ${percent(mu_same_length, 1)}`,
    `win rate of the control over the primary ${percent(control_mu, 1)}`,
  ].join(", ");
}

function costSentence({ calls, cost_usd, not_judged, ...tokens }: ReportJudge): string {
  const all = count(tokens.prompt_tokens + tokens.completion_tokens);
  const cost = cost_usd === null ? unknown : `${cost_usd.toFixed(2)} USD`;
  const left = Object.entries(not_judged).map(([why, pairs]) => `${count(pairs)} ${why}`);
  const none = left.length === 0 ? "" : `; without a verdict: ${left.join(", ")}`;
  return `judging took ${count(calls)} calls, ${all} tokens and ${cost}${none}`;
}
