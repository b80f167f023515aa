import { isOverMargin } from "../report/gate-sentence.ts";
import type { GateReason, GateResult } from "../report/shadow-report.ts";
import { cosines, minBlocks } from "../statistics/long-run.ts";
import { normalQuantile } from "../statistics/normal.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import type { EvaluationConfig, GateId } from "./config.ts";
import { etaOf, type GateContext, smallestDetectable, widerNext } from "./gate-result.ts";
import { judgeGate } from "./judge-gate.ts";
import { type JudgeTerms, judgedPairs } from "./judged-pairs.ts";
import { type OutputTerms, requiredOutputGates } from "./output-config.ts";
import { judgeOutputs } from "./output-gate.ts";
import type { OutputPairs } from "./output-pairs.ts";
import { type RateOf, rateGate } from "./rate-gate.ts";
import { laneValue, type PairedValues, pairedValues, type RatioColumn } from "./ratio-gate.ts";
import { countOf, indicesOf, isGood, type LaneColumns, type PairTable } from "./table.ts";
import { type TailLevel, type TailValues, tailGate, tailValues } from "./tail-gate.ts";
import { typicalGate } from "./typical-gate.ts";

/**
 * Part of a verdict. `decisive`: before the planned end no segments, and only the gates and checks that can end an evaluation
 * that early. A gate's name: that gate alone, at the error that it has among all of them.
 */
export type Part = "decisive" | GateId;

/** What the answers say, and whether a control lane tells how far the primary agrees with itself. */
interface OutputInput {
  readonly outputs?: OutputPairs | undefined;
  readonly hasFloor?: boolean;
}

/** What decides which output gates are required, and their margins. */
export function termsOf({
  config: { isSameModel, outputs: settings },
  hasFloor = false,
}: Pick<GateContext, "config"> & OutputInput): OutputTerms & { readonly judge?: JudgeTerms } {
  const { gates, judge } = settings ?? {};
  return {
    ...{ isSameModel, hasFloor },
    ...(gates === undefined ? {} : { gates }),
    ...(judge === undefined ? {} : { judge }),
  };
}

/** Judges every gate for which there is traffic, or one alone with the error that it has among them. */
export function judgeGates(
  table: PairTable,
  context: Omit<GateContext, "failAlpha"> & OutputInput,
  only?: Part,
): readonly GateResult[] {
  const { config, outputs } = context;
  const streamed = countOf(table.isStream);
  const kinds = { streamed, whole: table.size - streamed, all: table.size };
  const ids = (Object.keys(config.gates) as GateId[]).filter((id) => {
    if (id === "slo") return hasSlo(config);
    if (id === "whole.per_token" && config.isSameModel) return false;
    // Without any pairs yet, streams are expected.
    return kinds[kindOf(id)] > 0 || (table.size === 0 && kindOf(id) === "streamed");
  });
  const terms = termsOf(context);
  const more = outputs === undefined ? 0 : requiredOutputGates(terms);
  const full = { ...context, failAlpha: failAlphaOf(ids, context, more) };
  const gates = judged(ids.filter(wantedBy(only, full)), table, full).map((gate) => {
    const share = shareOf(gate.id as GateId, table);
    return context.isFinal ? leftOut(gate, share) : gate;
  });
  const isAlone = only !== undefined && only !== "decisive";
  if (outputs === undefined || isAlone) return gates.map(overAlready);
  const ofOutputs = { ...full, ...terms, failAlpha: full.failAlpha.each };
  const others = judgeOutputs(outputs, ofOutputs).map(({ gate, share }) =>
    context.isFinal ? leftOut(gate, share) : gate,
  );
  const { judge } = terms;
  const ofJudge =
    judge === undefined
      ? []
      : [judgeGate(judgedPairs(outputs.pairs), { ...ofOutputs, terms: judge })];
  return [...gates, ...others, ...ofJudge].map(overAlready);
}

/** Before the planned end only required gates decide, and no tails. */
function wantedBy(
  only: Part | undefined,
  { config, isFinal }: GateContext,
): (id: GateId) => boolean {
  if (only === undefined) return () => true;
  if (only !== "decisive") return (id) => id === only;
  return (id) => isFinal || (config.gates[id].required && !(id in tailGates));
}

/** Kinds of traffic below this share are left out of the verdict if they have too few pairs to be judged. */
export const rareShare = 0.05;

/**
 * Marks a gate as not judged if it has too few pairs at the planned end and its kind of traffic is rare. The same rule
 * applies to all gates.
 */
function leftOut(gate: GateResult, share: number): GateResult {
  if (gate.reason?.code !== "too_few_pairs" || share >= rareShare) return gate;
  const text = `${gate.reason.text}, and only ${(100 * share).toFixed(1)} % of the requests are of this kind`;
  const reason: GateReason = { ...gate.reason, code: "rare_traffic", text };
  return { ...gate, status: "NOT_JUDGED", reason };
}

/** Changes the reason of an undecided gate whose whole interval is over the margin: it is not too close to call. */
function overAlready(gate: GateResult): GateResult {
  const { reason, interval } = gate;
  if (reason?.code !== "too_close" || interval === null || !isOverMargin(gate)) return gate;
  const level = Number((100 * interval.level).toFixed(2));
  const text = `over the margin at ${level} %; FAIL needs a stricter bound`;
  return { ...gate, reason: { ...reason, text } };
}

/**
 * Share of pairs whose primary leg has a value for the gate: a stream of one token has no time per token, for example.
 */
function shareOf(id: GateId, table: PairTable): number {
  const column = id in tailGates ? tailGates[id as TailId][0] : typicalGates[id as TypicalId];
  if (column === undefined || table.size === 0) return 1;
  const has = (i: number) => laneValue(table, table.baseline, i, column) > 0;
  return indicesOf(table, has).length / table.size;
}

function kindOf(id: GateId): "streamed" | "whole" | "all" {
  if (id.startsWith("ttft") || id.startsWith("tpot")) return "streamed";
  return id.startsWith("whole") ? "whole" : "all";
}

/**
 * Divides the error of a wrong FAIL among the required gates, of which there are `others` besides `ids`, because any of
 * them can fail the evaluation. The typical ratios, which can fail early, share an additional one.
 */
function failAlphaOf(
  ids: readonly GateId[],
  { config: { gates }, alpha }: Pick<GateContext, "config" | "alpha">,
  others: number,
): GateContext["failAlpha"] {
  const required = ids.filter((id) => gates[id].required);
  const typical = required.filter((id) => id in typicalGates);
  return {
    each: alpha / Math.max(1, required.length + others),
    typical: alpha / Math.max(1, typical.length),
  };
}

function judged(ids: readonly GateId[], table: PairTable, context: GateContext): GateResult[] {
  const paired = remembered((column: RatioColumn): PairedValues => pairedValues(table, column));
  const tails = remembered((column: RatioColumn): TailValues => tailValues(table, column));
  return ids.map((id) => {
    if (id in typicalGates) {
      return typicalGate(id, paired(typicalGates[id as TypicalId]), context);
    }
    if (id in tailGates) {
      const [column, level] = tailGates[id as TailId];
      const values = tails(column);
      return withReach(tailGate(id, level, values, context), values.atMs, context);
    }
    return rateGate(id, table, rateOf(id as RateId, table, context.config), context);
  });
}

/** Adds to a tail gate its remaining time and its smallest detectable change. */
function withReach(gate: GateResult, atMs: Float64Array, context: GateContext): GateResult {
  const { estimate, interval, margin, status } = gate;
  const upper = interval?.upper ?? null;
  if (estimate === null || upper === null) return gate;
  const logs = { estimate: Math.log(estimate), upper: Math.log(upper), margin: Math.log(margin) };
  const spanS = ((atMs.at(-1) ?? 0) - (atMs[0] ?? 0)) / 1_000;
  return {
    ...gate,
    eta_s:
      status === "INCONCLUSIVE" && gate.reason?.code === "too_close"
        ? etaOf(logs, spanS, widerNext(context, cosines(gate.blocks ?? minBlocks)))
        : null,
    smallest_detectable: smallestDetectable(
      "ratio",
      logs.estimate,
      logs.upper,
      normalQuantile(1 - context.alpha),
    ),
  };
}

function remembered<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}

const typicalGates = {
  "ttft.typical": "ttft",
  "tpot.typical": "tpot",
  "e2e.typical": "e2e",
  "whole.typical": "whole",
  "whole.per_token": "perToken",
  length: "length",
} as const satisfies Partial<Record<GateId, RatioColumn>>;

type TypicalId = keyof typeof typicalGates;

const tailGates = {
  "ttft.p90": ["ttft", 0.9],
  "ttft.p99": ["ttft", 0.99],
  "tpot.p99": ["tpot", 0.99],
  "whole.p90": ["whole", 0.9],
  "whole.p99": ["whole", 0.99],
} as const satisfies Partial<Record<GateId, readonly [RatioColumn, TailLevel]>>;

type TailId = keyof typeof tailGates;
type RateId = Exclude<GateId, TypicalId | TailId>;

type OnLane = (lane: LaneColumns, index: number) => boolean;

function byLane(isBad: OnLane, followsLoad: boolean): RateOf {
  return {
    isBad: ({ baseline, shadow }, i) => [isBad(baseline, i), isBad(shadow, i)],
    followsLoad,
    isRelative: true,
  };
}

function rateOf(id: RateId, table: PairTable, { slo }: EvaluationConfig): RateOf {
  switch (id) {
    case "errors":
      return byLane((lane, i) => lane.isOk[i] !== 1, false);
    case "slo":
      return byLane((lane, i) => !isGood(lane, i, slo), true);
    case "finish.length":
      return byLane((lane, i) => lane.finish[i] === "length", true);
    case "bad_request":
    case "empty":
    case "malformed":
      return byLane((lane, i) => lane.classes[i] === id, false);
    case "ttft.worse":
      return { counts: hasFirstTokens, isBad: isTwice, followsLoad: true, isRelative: false };
    case "ttft.very_slow": {
      const limit = verySlowMs(table);
      const isBad = byLane((lane, i) => (lane.ttft[i] ?? 0) > limit, true);
      return { ...isBad, counts: hasFirstTokens };
    }
  }
}

function hasFirstTokens({ isTimed, baseline, shadow }: PairTable, i: number): boolean {
  return isTimed[i] === 1 && (baseline.ttft[i] ?? 0) > 0 && (shadow.ttft[i] ?? 0) > 0;
}

/** Whether one lane is twice as slow as the other, which averages may hide. */
function isTwice({ baseline, shadow }: PairTable, i: number): readonly [boolean, boolean] {
  const [first, second] = [baseline.ttft[i] ?? 0, shadow.ttft[i] ?? 0];
  return [first > 2 * second, second > 2 * first];
}

/** Latency that counts as very slow: 10 s, or more if typical requests take long. */
function verySlowMs({ baseline, shadow }: PairTable): number {
  const isOver = (ttft: number) => ttft > leastVerySlowMs;
  if (!baseline.ttft.some(isOver) && !shadow.ttft.some(isOver)) return leastVerySlowMs;
  const known = sorted(baseline.ttft.filter((ttft) => ttft > 0));
  return Math.max(leastVerySlowMs, known.length === 0 ? 0 : 20 * quantile(known, 0.5));
}

const leastVerySlowMs = 10_000;

function hasSlo({ slo }: EvaluationConfig): boolean {
  return slo.ttft !== undefined || slo.tpot !== undefined || slo.e2e !== undefined;
}
