import { decodings } from "../compare/compared-request.ts";
import { toolLevels } from "../compare/tool-calls.ts";
import type {
  LaneOutputs,
  OutputAgreement,
  OutputLogprob,
  OutputTools,
  ReportOutputs,
} from "../report/report-outputs.ts";
import type { ValidityCheck } from "../report/shadow-report.ts";
import type { SampleAgreement, SampleOutput } from "../samples/output-fields.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import type { OutputSettings } from "./config.ts";
import { checkJudge, describeJudge } from "./describe-judge.ts";
import { describePerplexity } from "./describe-perplexity.ts";
import type { OutputPair, OutputPairs } from "./output-pairs.ts";
import { hasRareFences, isBadJson, isOther } from "./output-values.ts";

/** Describes what the answers say; null if that is unknown. `controlPool` is the pool of the control lane. */
export function describeOutputs(
  outputs: OutputPairs | undefined,
  controlPool: string | undefined,
  { judge, mode }: OutputSettings = {},
): ReportOutputs | null {
  if (outputs === undefined) return null;
  const { pairs, ok, skipped } = outputs;
  const floors = pairs.flatMap(({ floor }) => floor ?? []);
  const judged = describeJudge(pairs, judge);
  const triples = floors.length;
  const perplexity = describePerplexity(pairs);
  return {
    ...(mode === undefined ? {} : { mode }),
    compared: pairs.length,
    coverage: ok === 0 ? 1 : pairs.length / ok,
    skipped,
    cut: pairs.filter(({ primary, shadow }) => primary.cut || shadow.cut).length,
    floor: triples === 0 ? null : { pool: controlPool ?? "", triples },
    agreement: agreements(pairs),
    lanes: lanesOf(pairs),
    tools: toolsOf(pairs),
    divergence: divergenceOf(pairs.map(({ agreement }) => agreement)),
    ...(floors.length === 0 ? {} : { divergence_floor: divergenceOf(floors) }),
    logprob: logprobOf(pairs),
    ...(perplexity === undefined ? {} : { perplexity }),
    ...(judged === undefined ? {} : { judge: judged }),
  };
}

function agreements(pairs: readonly OutputPair[]): readonly OutputAgreement[] {
  const buckets = decodings.flatMap((bucket) => {
    const found = pairs.filter(({ request }) => request.decode === bucket);
    return found.length === 0 ? [] : [agreementIn(bucket, found)];
  });
  if (pairs.length === 0) return [];
  return [agreementIn("all", pairs), ...(buckets.length < 2 ? [] : buckets)];
}

function agreementIn(
  bucket: OutputAgreement["bucket"],
  pairs: readonly OutputPair[],
): OutputAgreement {
  const mean = (of: (agreement: SampleAgreement) => number | null) =>
    meanOf(pairs.map(({ agreement }) => of(agreement)));
  const floorMean = (of: (agreement: SampleAgreement) => number | null) =>
    meanOf(pairs.flatMap(({ floor }) => (floor === undefined ? [] : [of(floor)])));
  const similar = known(pairs.map(({ agreement }) => agreement.sim)).length;
  return {
    ...{ bucket, n: pairs.length },
    exact: mean(({ exact }) => exact) ?? 0,
    exact_floor: floorMean(({ exact }) => exact),
    lcp_p50: medianOf(pairs.map(({ agreement }) => agreement.lcp)) ?? 0,
    sim: mean(({ sim }) => sim) ?? 0,
    ...(similar === pairs.length ? {} : { sim_n: similar }),
    sim_floor: floorMean(({ sim }) => sim),
  };
}

function known(values: readonly (number | null)[]): readonly number[] {
  return values.filter((value) => value !== null);
}

/** Mean of the known values; null without any. */
function meanOf(values: readonly (number | null)[]): number | null {
  const found = known(values);
  return found.length === 0 ? null : found.reduce((sum, value) => sum + value, 0) / found.length;
}

function medianOf(values: readonly (number | null)[]): number | null {
  const found = known(values);
  return found.length === 0 ? null : quantile(sorted(found), 0.5);
}

function lanesOf(pairs: readonly OutputPair[]): ReportOutputs["lanes"] {
  const isFenceBad = hasRareFences(pairs);
  const ofLane = (lane: "primary" | "shadow") =>
    laneOf(
      pairs.map((pair) => ({
        pair,
        out: pair[lane],
        chars: pair.chars[lane === "primary" ? 0 : 1],
      })),
      isFenceBad,
    );
  const again = pairs.flatMap((pair) => {
    const { control: out, controlChars: chars } = pair;
    return out === undefined ? [] : [{ pair, out, chars }];
  });
  return {
    ...{ primary: ofLane("primary"), shadow: ofLane("shadow") },
    ...(again.length === 0 ? {} : { control: laneOf(again, isFenceBad) }),
  };
}

interface LaneAnswer {
  readonly pair: OutputPair;
  readonly out: SampleOutput;
  /** Code points. */
  readonly chars: number | null;
}

function laneOf(answers: readonly LaneAnswer[], isFenceBad: boolean): LaneOutputs {
  const share = (of: (answer: LaneAnswer) => number | null) => meanOf(answers.map(of));
  return {
    refusal: share(({ out }) => out.refusal),
    loop: share(({ out }) => out.loop),
    json_bad: share(({ out }) => isBadJson(out, { isFenceBad })),
    tool_bad: share(({ out }) => out.toolBad),
    script_bad: share(({ pair, out }) => isOther(pair, out)),
    chars_p50: medianOf(answers.map(({ chars }) => chars)),
  };
}

function toolsOf(pairs: readonly OutputPair[]): OutputTools | null {
  const found = pairs.flatMap(({ request, agreement: { tool } }) =>
    request.shape === "tools" && tool !== null ? [tool] : [],
  );
  if (found.length === 0) return null;
  const levels = toolLevels.map(
    (level) => [level, found.filter((each) => each === level).length] as const,
  );
  return { n: found.length, levels };
}

const divergenceChars = [16, 64, 256, 1_024, 4_096] as const;

function divergenceOf(agreements: readonly SampleAgreement[]): ReportOutputs["divergence"] {
  const compared = agreements.filter(({ lcp }) => lcp !== null);
  if (compared.length === 0) return [];
  const partedAt = compared.flatMap(({ lcp, lcpShare }) =>
    lcp === null || lcpShare === 1 ? [] : [lcp],
  );
  return divergenceChars.map((chars) => [
    chars,
    partedAt.filter((at) => at < chars).length / compared.length,
  ]);
}

function logprobOf(pairs: readonly OutputPair[]): OutputLogprob | null {
  const found = pairs.filter(({ agreement: { lpTokens } }) => lpTokens !== null);
  if (found.length === 0) return null;
  return {
    n: found.length,
    abs: meanOf(found.map(({ agreement: { lpAbs } }) => lpAbs)),
    diff: meanOf(found.map(({ agreement: { lpDiff } }) => lpDiff)),
    near_tie: meanOf(found.map(({ agreement: { nearTie } }) => nearTie)),
    ...logprobFloor(found),
  };
}

/** The control's own drift: the shadow's is only worth what it has beyond it. */
function logprobFloor(pairs: readonly OutputPair[]): Pick<OutputLogprob, "floor"> {
  const triples = pairs.flatMap(({ agreement, floor }) =>
    typeof floor?.lpAbs === "number" && agreement.lpAbs !== null
      ? [{ shadow: agreement.lpAbs, control: floor.lpAbs, nearTie: floor.nearTie }]
      : [],
  );
  if (triples.length === 0) return {};
  return {
    floor: {
      triples: triples.length,
      abs: meanOf(triples.map(({ control }) => control)),
      near_tie: meanOf(triples.map(({ nearTie }) => nearTie)),
      excess: meanOf(triples.map(({ shadow, control }) => shadow - control)),
    },
  };
}

/** A primary repeats at least this share of its greedy answers, unless something is wrong with it. */
const leastRepeated = 0.2;
const minRepeats = 50;

/** Checks whether the primary agrees with itself, where a control lane tells, and whether a judge model can be trusted. */
export function checkOutputs(
  outputs: OutputPairs | undefined,
  at: { readonly isFinal: boolean },
): readonly ValidityCheck[] {
  if (outputs === undefined) return [];
  return [...checkFloor(outputs), ...checkJudge(outputs.pairs, at)];
}

function checkFloor(outputs: OutputPairs): readonly ValidityCheck[] {
  const repeats = outputs.pairs.flatMap(({ request, floor }) =>
    request.decode === "greedy" && floor !== undefined ? [floor.exact] : [],
  );
  const value = meanOf(repeats);
  if (value === null || repeats.length < minRepeats) return [];
  const isOk = value >= leastRepeated;
  return [
    {
      id: "floor_sanity",
      text: "share of greedy answers that the primary repeats",
      ...{ value, limits: [leastRepeated, null], ok: isOk, effect: "warning" },
      note: isOk
        ? null
        : "the primary disagrees with itself: batching, or its endpoints do not serve the same model",
    },
  ];
}
