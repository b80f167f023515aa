import { isConsistent } from "../judge-model/judge-verdict.ts";
import type { ReportJudge } from "../report/report-judge.ts";
import type { ValidityCheck } from "../report/shadow-report.ts";
import {
  hasResult,
  type JudgedPair,
  type JudgeTerms,
  judgedControls,
  judgedPairs,
} from "./judged-pairs.ts";
import type { OutputPair } from "./output-pairs.ts";
import { checkOf } from "./validity-check.ts";
import { winRate } from "./win-rate.ts";

/** Error of the shown interval, both sides together. */
const alpha = 0.1;

/** Describes the verdicts of a judge model; undefined if none was asked. */
export function describeJudge(
  pairs: readonly OutputPair[],
  terms: JudgeTerms | undefined,
): ReportJudge | undefined {
  const compared = judgedPairs(pairs);
  if (terms === undefined && compared.every(({ judged }) => judged === undefined)) return undefined;
  const drawn = compared.flatMap(({ judged }) => judged ?? []);
  const results = compared.filter(hasResult).map(({ judged }) => judged);
  const share = (of: (judged: (typeof results)[number]) => boolean) => shareOf(results, of);
  const rate = winRate(compared, alpha);
  const sum = (of: (judged: (typeof drawn)[number]) => number | null) =>
    drawn.reduce((all, each) => all + (of(each) ?? 0), 0);
  const tokens = {
    prompt: sum(({ promptTokens }) => promptTokens),
    completion: sum(({ completionTokens }) => completionTokens),
  };
  const price = terms?.pricePerMTokens;
  const failures: Record<string, number> = {};
  for (const { why } of drawn) if (why !== null) failures[why] = (failures[why] ?? 0) + 1;
  return {
    ...{ pairs: results.length, calls: 2 * results.length },
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.completion,
    cost_usd:
      price === undefined
        ? null
        : (tokens.prompt * price.prompt + tokens.completion * price.completion) / 1e6,
    ...{
      win: share(({ w }) => w === 1),
      tie: share(({ w }) => w === 0.5),
      loss: share(({ w }) => w === 0),
    },
    ...{ mu: rate?.mu ?? null, lower: rate?.lower ?? null, upper: rate?.upper ?? null },
    consistency: share(isConsistent),
    first_place: firstPlace(results),
    mu_same_length:
      winRate(
        compared.filter(({ isSameLength }) => isSameLength),
        alpha,
      )?.mu ?? null,
    control_mu: winRate(judgedControls(pairs), alpha)?.mu ?? null,
    not_judged: failures,
  };
}

function shareOf<T>(all: readonly T[], of: (each: T) => boolean): number | null {
  return all.length === 0 ? null : all.filter(of).length / all.length;
}

/** Share of the verdicts for one answer that name the one that came first; one half without preference. */
function firstPlace(
  results: readonly { readonly ab: string | null; readonly ba: string | null }[],
): number | null {
  const sides = results
    .flatMap(({ ab, ba }) => [ab, ba])
    .filter((side) => side === "A" || side === "B");
  return shareOf(sides, (side) => side === "A");
}

/** Most that the win rate may differ among answers of the same length: a judge may like long ones. */
const maxLengthEffect = 0.1;

/** Checks whether the judge can be trusted. */
export function checkJudge(
  pairs: readonly OutputPair[],
  { isFinal }: { readonly isFinal: boolean },
): readonly ValidityCheck[] {
  const [compared, controls] = [judgedPairs(pairs), judgedControls(pairs)];
  return [...biasOf(controls, { isFinal }), ...lengthEffectOf(compared)];
}

/** The primary against its own model must be a draw, whatever the judge likes. */
function biasOf(
  controls: readonly JudgedPair[],
  { isFinal }: { readonly isFinal: boolean },
): readonly ValidityCheck[] {
  const rate = winRate(controls, 0.01);
  if (rate === undefined || !controls.some(hasResult)) return [];
  return [
    checkOf({
      id: "judge_bias",
      text: "the judge's win rate of the control over the primary, which are the same model",
      ...{ value: rate.mu, bounds: rate, limits: [0.5, 0.5], effect: "invalid", isFinal },
      help: "use another judge: it prefers a lane that is the same model",
    }),
  ];
}

function lengthEffectOf(compared: readonly JudgedPair[]): readonly ValidityCheck[] {
  const all = winRate(compared, alpha);
  const same = winRate(
    compared.filter(({ isSameLength }) => isSameLength),
    alpha,
  );
  if (all === undefined || same === undefined || !compared.some(hasResult)) return [];
  return [
    checkOf({
      id: "judge_length",
      text: "the judge's win rate of the shadow, all answers minus those of the same length",
      ...{
        value: all.mu - same.mu,
        limits: [-maxLengthEffect, maxLengthEffect],
        effect: "warning",
      },
      help: "the judge may prefer answers for their length: compare the win rates",
    }),
  ];
}
