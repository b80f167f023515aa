import { isConsistent } from "../judge-model/judge-verdict.ts";
import type { GateReason, GateResult } from "../report/shadow-report.ts";
import { createEProcess } from "../statistics/e-process.ts";
import { atEnd, finite, tooClose, tooFewPairs } from "./gate-result.ts";
import { hasFailed, hasResult, type JudgedPair, type JudgeTerms } from "./judged-pairs.ts";
import { winRate } from "./win-rate.ts";

interface JudgeContext {
  readonly terms: JudgeTerms;
  readonly alpha: number;
  readonly failAlpha: number;
  readonly isFinal: boolean;
}

/** Fewest results with which the gate applies. */
const minJudged = 50;
/** Most errors in a stratum: they are not at random, because long answers take long. */
const maxErrorShare = 0.1;
/** So that a bet is possible. With fewer, the gate hardly passes. */
const leastShare = 0.01;
/** A judge that changes its mind with the order more often than this has no opinion. Shi et al. (2024), arXiv 2406.07791. */
const minConsistency = 0.6;

/**
 * Judges by a model's verdicts on two answers: how much of the win rate over all compared pairs the shadow loses. Pairs are
 * drawn with known probabilities, so each judged one is weighted with the inverse of its own; both e-processes hold at
 * every analysis. PASS at the planned end, FAIL at any time.
 */
export function judgeGate(pairs: readonly JudgedPair[], context: JudgeContext): GateResult {
  const { terms, alpha, failAlpha, isFinal } = context;
  const { margin, required = true } = terms;
  const judged = pairs.filter(hasResult);
  const rate = winRate(pairs, alpha * 2);
  const least = Math.min(terms.sample.near, terms.sample.far);
  const [below, above] = evidence(pairs, least, margin);
  const isFail = above >= Math.log(1 / failAlpha);
  const isPass = isFinal && below >= Math.log(1 / alpha);
  const why = whyUnfit(pairs, judged);
  const status =
    why !== undefined ? "INCONCLUSIVE" : isFail ? "FAIL" : isPass ? "PASS" : "INCONCLUSIVE";
  const open = isFinal ? tooClose : atEnd;
  const isJudged = why === undefined || !isFinal;
  return {
    ...{ id: "out.judge", required, kind: "rate", status: isJudged ? status : "NOT_JUDGED" },
    reason: status === "INCONCLUSIVE" ? (why ?? open) : null,
    // The loss of the win rate; of the primary against itself it is 0.
    ...{
      primary: rate === undefined ? null : 0,
      shadow: rate === undefined ? null : 0.5 - rate.mu,
    },
    estimate: rate === undefined ? null : 0.5 - rate.mu,
    interval:
      rate === undefined
        ? null
        : { lower: 0.5 - rate.upper, upper: 0.5 - rate.lower, level: 1 - 2 * alpha },
    ...{ fail_interval: null, decided_at: null, smallest_detectable: null },
    ...{ method: "weighted e-process", margin, margin_low: null, n: judged.length, events: null },
    ...{ blocks: null, block_s: null, lag1: null },
    e_value: finite(Math.exp(Math.min(700, above))),
    e_needed: 1 / failAlpha,
    ...{ look: "anytime", eta_s: null },
  };
}

/** Evidence, as logarithms, that the loss is below the margin, and that it is above. */
function evidence(
  pairs: readonly JudgedPair[],
  least: number,
  margin: number,
): readonly [below: number, above: number] {
  const below = createEProcess(2 * least * margin * resultShare(pairs), "below");
  const above = createEProcess(2 * least * margin, "above");
  for (const z of unitMeans(pairs, least)) {
    below.add(z);
    above.add(z);
  }
  return [below.maxLogE, above.maxLogE];
}

/**
 * Share of the drawn pairs that have a result, in the stratum that has the fewest. The others count as ties, and a part
 * of the losses is among them, so that a loss within the margin looks this much smaller.
 */
function resultShare(pairs: readonly JudgedPair[]): number {
  const shares = (["near", "far"] as const).map((stratum) => {
    const drawn = pairs.filter((pair) => pair.stratum === stratum && pair.judged !== undefined);
    return drawn.length === 0 ? 1 : drawn.filter(hasResult).length / drawn.length;
  });
  return Math.max(leastShare, Math.min(...shares));
}

/** Mean of each session, in the order of its last request; turns of a session repeat one behaviour. */
function unitMeans(pairs: readonly JudgedPair[], least: number): readonly number[] {
  const units = new Map<unknown, { sum: number; size: number }>();
  for (const pair of pairs) {
    const key = pair.session ?? pair;
    const { sum, size } = units.get(key) ?? { sum: 0, size: 0 };
    units.delete(key);
    units.set(key, { sum: sum + weighted(pair, least), size: size + 1 });
  }
  return [...units.values()].map(({ sum, size }) => sum / size);
}

/** From -1 to 1: the loss of a judged pair, weighted by how rarely such a pair is drawn; 0 for a tie and for all others. */
export function weighted(pair: JudgedPair, least: number): number {
  if (!hasResult(pair)) return 0;
  return Math.min(1, least / pair.judged.pi) * (1 - 2 * pair.judged.w);
}

function whyUnfit(
  pairs: readonly JudgedPair[],
  judged: readonly JudgedPair[],
): GateReason | undefined {
  if (judged.length < minJudged) return tooFewPairs(judged.length, minJudged);
  const failing = (["near", "far"] as const).map((stratum) => errorShare(pairs, stratum));
  const errors = Math.max(...failing);
  if (errors > maxErrorShare) {
    const text = `the judge gave no verdict on ${Math.round(100 * errors)} % of the pairs that it was asked about`;
    return { code: "judge_errors", has: errors, needs: maxErrorShare, text };
  }
  const consistency = judged.filter(({ judged: each }) => each !== undefined && isConsistent(each));
  const share = consistency.length / judged.length;
  if (share >= minConsistency) return undefined;
  const text = `the judge gives the same verdict in both orders in only ${Math.round(100 * share)} % of pairs`;
  return { code: "judge_inconsistent", has: share, needs: minConsistency, text };
}

function errorShare(pairs: readonly JudgedPair[], stratum: "near" | "far"): number {
  const asked = pairs.filter(
    (pair) => pair.stratum === stratum && (hasFailed(pair) || hasResult(pair)),
  );
  return asked.length === 0 ? 0 : asked.filter(hasFailed).length / asked.length;
}
