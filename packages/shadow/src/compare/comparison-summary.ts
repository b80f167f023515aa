import { quantile, sorted } from "../statistics/quantile.ts";
import type { AnswerAgreement } from "./agreement.ts";
import type { AnswerCheck } from "./answer-check.ts";
import type { AnswerComparison } from "./compare-answers.ts";
import { type ComparedRequest, type Decoding, decodings } from "./compared-request.ts";
import {
  createMeanCounter,
  createRateCounter,
  type Estimate,
  type MeanCounter,
  type RateCounter,
} from "./paired-difference.ts";
import { type ToolLevel, toolLevels } from "./tool-calls.ts";

/** A pair, and the primary's second answer and its agreement with the first, if there is one. */
export interface ComparedGroup {
  readonly request: ComparedRequest;
  readonly comparison: AnswerComparison;
  readonly floor?: AnswerAgreement;
}

/** What is wrong with an answer on its own. */
export const answerFlags = ["refusal", "loop", "json", "tool_calls", "script"] as const;

export type AnswerFlag = (typeof answerFlags)[number];

/** Shares of the primary's and the shadow's answers that have a flag, 0 to 1, over the same requests. */
export interface FlagRow {
  readonly flag: AnswerFlag;
  readonly n: number;
  readonly primary: number;
  readonly shadow: number;
  /** Shadow minus primary. */
  readonly difference: Estimate;
}

/** How far answers agree, over requests with the same way of choosing tokens. */
export interface AgreementRow {
  readonly decode: "all" | Decoding;
  readonly n: number;
  /** Share of equal answers. */
  readonly exact: number;
  /** Median of the common prefix, in code points. */
  readonly lcp_p50: number;
  readonly lcp_share: number;
  readonly sim: number;
  /** Over requests with a second answer of the primary; null without any. */
  readonly floor: FloorRow | null;
}

/** How far the primary agrees with itself, and how much less it agrees with the shadow. */
export interface FloorRow {
  readonly n: number;
  readonly exact: number;
  readonly sim: number;
  /** Agreement of the primary with itself minus its agreement with the shadow, over the same requests. */
  readonly exact_lost: Estimate;
  readonly sim_lost: Estimate;
}

/** Results of comparing two files of answers. Numbers and names only. */
export interface ComparisonSummary {
  readonly pairs: number;
  /** Pairs with a second answer of the primary. */
  readonly triples: number;
  /** Pairs in which only the start of an answer was compared. */
  readonly cut: number;
  readonly agreement: readonly AgreementRow[];
  readonly flags: readonly FlagRow[];
  /** Natural logarithm of the length of the shadow's text over the primary's. */
  readonly length_log_ratio: Estimate | null;
  /** Pairs of requests with tools, by level. */
  readonly tools: readonly (readonly [level: ToolLevel, pairs: number])[];
  readonly tools_floor: readonly (readonly [level: ToolLevel, pairs: number])[];
  readonly json: { readonly n: number; readonly equal: number; readonly keys: number } | null;
  /** Share of pairs whose texts differ within the first so many code points. */
  readonly divergence: readonly (readonly [chars: number, share: number])[];
  readonly logprob: LogprobRow | null;
}

/** Log probabilities on common prefixes, in nats. */
export interface LogprobRow {
  readonly n: number;
  readonly abs: Estimate | null;
  readonly diff: Estimate | null;
  /** Pairs whose tokens differ, and the share of them in which the first difference is a near tie. */
  readonly parted: number;
  readonly near_tie: number;
}

/** Adds up compared groups. */
export interface SummaryBuilder {
  add(group: ComparedGroup): void;
  summary(): ComparisonSummary;
}

/** Creates an empty summary. Keeps four numbers for each pair. */
export function createSummary(): SummaryBuilder {
  const rows = new Map<AgreementRow["decode"], AgreementCounter>();
  const flags = createFlagCounter();
  const length = createMeanCounter();
  const [tools, floorTools] = [createLevelCounter(), createLevelCounter()];
  const [jsonEqual, jsonKeys] = [createMeanCounter(), createMeanCounter()];
  const drift = createDriftCounter();
  const all = createAgreementCounter();
  let [triples, cut] = [0, 0];

  function addAgreement(agreement: AnswerAgreement): void {
    tools.add(agreement.tool);
    drift.add(agreement);
    if (agreement.jsonEqual !== null) jsonEqual.add(agreement.jsonEqual);
    if (agreement.jsonKeys !== null) jsonKeys.add(agreement.jsonKeys);
  }

  return {
    add({ request, comparison, floor }) {
      const { primary, shadow, agreement } = comparison;
      const row = rows.get(request.decode) ?? createAgreementCounter();
      rows.set(request.decode, row);
      for (const counter of [all, row]) counter.add(agreement, floor);
      flags.add(comparison, request);
      addAgreement(agreement);
      if (floor !== undefined) {
        triples++;
        floorTools.add(floor.tool);
      }
      if (primary.cut || shadow.cut) cut++;
      if (primary.chars > 0 && shadow.chars > 0) length.add(Math.log(shadow.chars / primary.chars));
    },
    summary: () => ({
      ...{ pairs: all.count(), triples, cut },
      agreement: [
        ...all.row("all"),
        ...(rows.size < 2
          ? []
          : decodings.flatMap((decode) => rows.get(decode)?.row(decode) ?? [])),
      ],
      flags: flags.rows(),
      length_log_ratio: length.mean() ?? null,
      ...{ tools: tools.levels(), tools_floor: floorTools.levels() },
      json:
        jsonEqual.n === 0
          ? null
          : { n: jsonEqual.n, equal: meanOf(jsonEqual), keys: meanOf(jsonKeys) },
      divergence: all.divergence(),
      logprob: drift.row(),
    }),
  };
}

function meanOf(counter: MeanCounter): number {
  return counter.mean()?.estimate ?? 0;
}

/** Lengths, in code points, of the starts for which differing texts are counted. */
const divergenceChars = [16, 64, 256, 1_024, 4_096] as const;

type AgreementCounter = ReturnType<typeof createAgreementCounter>;

function createAgreementCounter() {
  const [exact, lcpShare, sim] = [createMeanCounter(), createMeanCounter(), createMeanCounter()];
  const [floorExact, floorSim] = [createMeanCounter(), createMeanCounter()];
  const [exactLost, simLost] = [createRateCounter(), createMeanCounter()];
  /** For texts that differ. */
  const partedAt: number[] = [];
  const prefixes: number[] = [];

  function floorRow(): FloorRow | null {
    const [rates, lost] = [exactLost.rates(), simLost.mean()];
    if (rates === undefined || lost === undefined) return null;
    return {
      n: lost.n,
      ...{ exact: meanOf(floorExact), sim: meanOf(floorSim) },
      ...{ exact_lost: rates.difference, sim_lost: lost },
    };
  }

  return {
    add(agreement: AnswerAgreement, floor: AnswerAgreement | undefined): void {
      if (agreement.exact !== null) exact.add(agreement.exact);
      lcpShare.add(agreement.lcpShare);
      if (agreement.sim !== null) sim.add(agreement.sim);
      prefixes.push(agreement.lcp);
      if (agreement.lcpShare < 1) partedAt.push(agreement.lcp);
      if (floor === undefined) return;
      if (floor.exact !== null) floorExact.add(floor.exact);
      if (agreement.exact !== null && floor.exact !== null) {
        exactLost.add(agreement.exact === 1, floor.exact === 1);
      }
      if (agreement.sim !== null && floor.sim !== null) {
        floorSim.add(floor.sim);
        simLost.add(floor.sim - agreement.sim);
      }
    },
    count: () => lcpShare.n,
    row: (decode: AgreementRow["decode"]): readonly AgreementRow[] => {
      if (lcpShare.n === 0) return [];
      const lcp_p50 = quantile(sorted(prefixes), 0.5);
      return [
        {
          ...{ decode, n: lcpShare.n, exact: meanOf(exact), lcp_p50 },
          ...{ lcp_share: meanOf(lcpShare), sim: meanOf(sim), floor: floorRow() },
        },
      ];
    },
    divergence: (): ComparisonSummary["divergence"] =>
      lcpShare.n === 0
        ? []
        : divergenceChars.map((chars) => [
            chars,
            partedAt.filter((at) => at < chars).length / lcpShare.n,
          ]),
  };
}

/** If the primary fences less than this share of its JSON, a fence counts as a fault. */
const rareFence = 0.01;

function createFlagCounter() {
  const counters = new Map<AnswerFlag, RateCounter>();
  /** Counts when a fence is as bad as text that is not JSON. */
  const strictJson = createRateCounter();
  const fenced = createRateCounter();

  function count(flag: AnswerFlag, primary: boolean | null, shadow: boolean | null): void {
    if (primary === null || shadow === null) return;
    const counter = counters.get(flag) ?? createRateCounter();
    counters.set(flag, counter);
    counter.add(primary, shadow);
  }

  return {
    add({ primary, shadow }: AnswerComparison, { script }: ComparedRequest): void {
      count("refusal", primary.refusal === 1, shadow.refusal === 1);
      count("loop", primary.loop === 1, shadow.loop === 1);
      count("json", isBadJson(primary), isBadJson(shadow));
      count("tool_calls", flagged(primary.toolBad), flagged(shadow.toolBad));
      count("script", isOther(primary, script), isOther(shadow, script));
      if (primary.json === null || shadow.json === null) return;
      fenced.add(primary.json === "fenced", shadow.json === "fenced");
      const isBad = (check: AnswerCheck) => check.json === "fenced" || isBadJson(check) === true;
      strictJson.add(isBad(primary), isBad(shadow));
    },
    rows: (): readonly FlagRow[] =>
      answerFlags.flatMap((flag) => {
        const isStrict = flag === "json" && (fenced.rates()?.first ?? 1) < rareFence;
        const rates = (isStrict ? strictJson : counters.get(flag))?.rates();
        if (rates === undefined) return [];
        const { n, first, second, difference } = rates;
        return [{ flag, n, primary: first, shadow: second, difference }];
      }),
  };
}

function isBadJson({ json, schema }: AnswerCheck): boolean | null {
  return json === null ? null : json === "invalid" || schema === "broken";
}

function flagged(flag: 0 | 1 | null): boolean | null {
  return flag === null ? null : flag === 1;
}

/** Whether an answer is in another script than the user's message; null if either script is unknown. */
function isOther({ script }: AnswerCheck, asked: ComparedRequest["script"]): boolean | null {
  return script === null || asked === null || asked === undefined ? null : script !== asked;
}

function createLevelCounter() {
  const counts = new Map<ToolLevel, number>();
  return {
    add(level: ToolLevel | null): void {
      if (level !== null) counts.set(level, (counts.get(level) ?? 0) + 1);
    },
    levels: (): ComparisonSummary["tools"] =>
      toolLevels.flatMap((level) => {
        const pairs = counts.get(level);
        return pairs === undefined ? [] : [[level, pairs] as const];
      }),
  };
}

function createDriftCounter() {
  const [abs, diff, nearTie] = [createMeanCounter(), createMeanCounter(), createMeanCounter()];
  let n = 0;
  return {
    add(agreement: AnswerAgreement): void {
      if (agreement.lpTokens === null) return;
      n++;
      if (agreement.lpAbs !== null) abs.add(agreement.lpAbs);
      if (agreement.lpDiff !== null) diff.add(agreement.lpDiff);
      if (agreement.nearTie !== null) nearTie.add(agreement.nearTie);
    },
    row: (): LogprobRow | null =>
      n === 0
        ? null
        : {
            ...{ n, abs: abs.mean() ?? null, diff: diff.mean() ?? null },
            ...{ parted: nearTie.n, near_tie: meanOf(nearTie) },
          },
  };
}
