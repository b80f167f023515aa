import type { Segment, SegmentBy } from "../report/segment.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { eBenjaminiHochberg, upperEValue } from "../statistics/e-bh.ts";
import { cosines, longRunSd, minBlocks } from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import type { EvaluationConfig } from "./config.ts";
import type { OutputTerms } from "./output-config.ts";
import type { OutputPairs } from "./output-pairs.ts";
import { type LaneGate, type Measured, measureOutputs } from "./output-segments.ts";
import { rateMargin } from "./rate-margin.ts";
import { type Bucket, bucketsOf, type Grouping, minShown, sizeName } from "./segment-buckets.ts";
import { type SegmentKind, type SegmentSettings, segmentSettings } from "./segment-settings.ts";
import type { PairTable } from "./table.ts";

/** How segments are judged. */
export interface SegmentContext {
  readonly config: EvaluationConfig;
  /** What the answers say, and how that is judged; without both, only latency and errors are compared. */
  readonly outputs?: OutputPairs | undefined;
  readonly terms?: OutputTerms;
  /** The planned end is reached. */
  readonly isFinal: boolean;
}

/**
 * Compares the lanes for each kind of request: by model, path, streaming, prompt length, shape and priority, and where
 * answers were looked at, by how tokens are chosen and by script. At the planned end, a segment that is worse than the
 * gate's margin is flagged by e-BH over all segments and gates. Nothing is flagged before, because the e-values are valid
 * for one analysis only.
 */
export function judgeSegments(table: PairTable, context: SegmentContext): readonly Segment[] {
  const { config, isFinal, outputs, terms } = context;
  const settings = segmentSettings(config.outputs?.segments);
  const buckets = bucketsOf(groupingOf(table, settings));
  const judged = table.isJudged.reduce((sum, flag) => sum + flag, 0);
  const found = [
    ...buckets.flatMap((bucket) => {
      const share = judged === 0 ? 0 : bucket.indices.length / judged;
      return segmentGates.flatMap((gate) => measure(bucket, { share, gate, table, config }));
    }),
    ...(outputs === undefined || terms === undefined
      ? []
      : measureOutputs(outputs, { terms, settings, others: buckets })),
  ];
  const { minPairs, q } = settings;
  const tested = found.filter(({ n, eValue }) => n >= minPairs && eValue !== undefined);
  const eValues = tested.map(({ eValue }) => eValue ?? 0);
  const flags = isFinal ? eBenjaminiHochberg(eValues, q) : [];
  const flagged = new Set(flags.map((index) => tested[index]));
  // Intervals of selected segments need a level that depends on the selected share: Xu, Wang and Ramdas (2024), e-BY.
  const flaggedAlpha = (q * flags.length) / Math.max(1, tested.length) / 2;
  const shown = found.filter(({ isQuiet }) => !isQuiet);
  return shown.map((each): Segment => {
    const isFlagged = flagged.has(each);
    const alpha = isFlagged ? Math.min(config.alpha, flaggedAlpha) : config.alpha;
    const isTested = isFinal && tested.includes(each);
    const { by, bucket, gate, share, n, margin, kind, estimate } = each;
    const { lower, upper } = each.boundsAt(alpha);
    return {
      ...{ by, bucket, gate, share, n, margin, kind, estimate, level: 1 - 2 * alpha },
      lower: Number.isFinite(lower) ? lower : null,
      upper: Number.isFinite(upper) ? upper : null,
      e_value: isTested ? (each.eValue ?? null) : null,
      flagged: isFlagged,
    };
  });
}

const segmentGates: readonly LaneGate[] = [
  "ttft.typical",
  "tpot.typical",
  "whole.typical",
  "errors",
];

interface MeasureContext {
  readonly share: number;
  readonly gate: LaneGate;
  readonly table: PairTable;
  readonly config: EvaluationConfig;
}

function measure(
  { by, name, indices }: Bucket,
  { share, gate, table, config }: MeasureContext,
): readonly Measured[] {
  const atMs: number[] = [];
  const values: number[] = [];
  const isBad: number[] = [];
  for (const index of indices) {
    const value = differenceOf(table, gate, index);
    if (value === undefined) continue;
    atMs.push(table.atMs[index] ?? 0);
    values.push(value);
    isBad.push(1 - (table.baseline.isOk[index] ?? 0));
  }
  const bad = isBad.reduce((sum, each) => sum + each, 0);
  const n = values.length;
  if (n < minShown) return [];
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const rate = bad / n;
  const { margin, share: ofRate } =
    gate === "errors"
      ? rateMargin(config.gates.errors.margin, rate)
      : { margin: 1 + config.gates[gate].margin, share: 0 };
  // A margin that is a share of the primary's rate is as uncertain as that rate.
  const over = values.map((value, i) => value - ofRate * ((isBad[i] ?? 0) - rate));
  const isRate = gate === "errors";
  const test = swingTest(atMs, over, isRate ? margin : Math.log(margin));
  const shown = (value: number) => (isRate ? value : Math.exp(value));
  return [
    {
      ...{ by, bucket: name, gate, share, n, margin, kind: isRate ? "rate" : "ratio" },
      ...{ estimate: shown(mean), isQuiet: false, eValue: test?.eValue },
      boundsAt: (alpha) => {
        const { lower, upper } = boundsOf(mean, test, alpha);
        return { lower: shown(lower), upper: shown(upper) };
      },
    },
  ];
}

/** Difference of a pair; undefined if it does not count for the gate. */
function differenceOf(table: PairTable, gate: LaneGate, index: number): number | undefined {
  const { baseline, shadow, isJudged, isUsed, isStream } = table;
  if (gate === "errors") {
    if (isJudged[index] !== 1) return undefined;
    return (baseline.isOk[index] ?? 0) - (shadow.isOk[index] ?? 0);
  }
  const isWhole = gate === "whole.typical";
  if (isUsed[index] !== 1 || isWhole === (isStream[index] === 1)) return undefined;
  const column = isWhole ? "e2e" : gate === "ttft.typical" ? "ttft" : "tpot";
  const ratio = (shadow[column][index] ?? Number.NaN) / (baseline[column][index] ?? Number.NaN);
  return ratio > 0 && Number.isFinite(ratio) ? Math.log(ratio) : undefined;
}

interface SwingTest {
  /** Standard error of the mean, allowing for sustained load. */
  readonly error: number;
  readonly freedom: number;
  /** Evidence that the mean is above the null value. */
  readonly eValue: number;
}

const blockMs = 10_000;
const maxBlocks = 720;

/**
 * Test for a single analysis on blocks of wall-clock time, allowing for sustained load. Blocks without values are kept,
 * because the time between values matters for how long load lasts.
 */
function swingTest(
  atMs: readonly number[],
  values: readonly number[],
  nullValue: number,
): SwingTest | undefined {
  const n = values.length;
  const first = atMs[0] ?? 0;
  const spanMs = (atMs.at(-1) ?? 0) - first;
  const lengthMs = Math.max(blockMs, spanMs / maxBlocks);
  const count = Math.floor(spanMs / lengthMs) + 1;
  if (count < minBlocks) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const influence = new Float64Array(count);
  values.forEach((value, i) => {
    const block = Math.min(count - 1, Math.floor(((atMs[i] ?? 0) - first) / lengthMs));
    influence[block] = (influence[block] ?? 0) + (count / n) * (value - mean);
  });
  const freedom = cosines(count);
  const error = longRunSd(influence) / Math.sqrt(count);
  const isFlat = !(error > 1e-12);
  // All values are equal: certain if they are above the null value, otherwise nothing to test.
  if (isFlat) {
    if (mean <= nullValue) return undefined;
    return { error: 0, freedom, eValue: upperEValue(Number.POSITIVE_INFINITY, freedom) };
  }
  return { error, freedom, eValue: upperEValue((mean - nullValue) / error, freedom) };
}

function boundsOf(mean: number, test: SwingTest | undefined, alpha: number): Bounds {
  if (test === undefined) return { lower: Number.NaN, upper: Number.NaN };
  const radius = studentQuantile(1 - alpha, test.freedom) * test.error;
  return { lower: mean - radius, upper: mean + radius };
}

function groupingOf(table: PairTable, { by }: Pick<SegmentSettings, "by">): Grouping {
  const hasTokens = table.baseline.promptTokens.some((value) => Number.isFinite(value));
  const sizes = hasTokens ? table.baseline.promptTokens : table.promptBytes;
  const { model, path, shape, priority } = table.kinds;
  const name = (i: number) => sizeName(sizes[i]);
  const names: readonly (readonly [SegmentKind, SegmentBy, (i: number) => string | undefined])[] = [
    ["model", "model", (i) => model[i]],
    ["path", "path", (i) => path[i]],
    ["stream", "stream", (i) => (table.isStream[i] === 1 ? "streamed" : "whole")],
    ["promptTokens", hasTokens ? "prompt_tokens" : "prompt_bytes", name],
    ["shape", "shape", (i) => shape[i]],
    ["priority", "priority", (i) => priority[i]],
  ];
  const wanted = names.filter(([kind]) => by.includes(kind));
  return {
    size: table.size,
    counts: (i) => table.isJudged[i] === 1,
    names: Object.fromEntries(wanted.map(([, each, nameOf]) => [each, nameOf])),
  };
}
