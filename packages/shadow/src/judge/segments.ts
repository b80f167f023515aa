import type { Segment, SegmentBy, SegmentGate } from "../report/segment.ts";
import { eBenjaminiHochberg, upperEValue } from "../statistics/e-bh.ts";
import { cosines, longRunSd, minBlocks } from "../statistics/long-run.ts";
import { studentQuantile } from "../statistics/student-t.ts";
import type { EvaluationConfig } from "./config.ts";
import { rateMargin } from "./rate-margin.ts";
import type { PairTable } from "./table.ts";

/** Fewest pairs for a segment to be shown. */
const minShown = 30;
/** Fewest pairs for a segment to be tested. */
const minTested = 200;
const maxSegments = 40;
/** The most frequent names of one kind; pairs with another name are in no segment of that kind. */
const maxBuckets = 10;
/** Expected share of false flags among all flags. */
const falseFlags = 0.1;

/** A kind of request and its pairs. */
interface Bucket {
  readonly by: SegmentBy;
  readonly name: string;
  readonly indices: readonly number[];
}

/** How segments are judged. */
export interface SegmentContext {
  readonly config: EvaluationConfig;
  /** The planned end is reached. */
  readonly isFinal: boolean;
}

/**
 * Compares the lanes for each kind of request: by model, path, streaming, prompt length, shape and priority. At the
 * planned end, a segment that is worse than the gate's margin is flagged by e-BH over all segments and gates. Nothing
 * is flagged before, because the e-values are valid for one analysis only.
 */
export function judgeSegments(
  table: PairTable,
  { config, isFinal }: SegmentContext,
): readonly Segment[] {
  const judged = table.isJudged.reduce((sum, flag) => sum + flag, 0);
  const found = bucketsOf(table).flatMap((bucket) => {
    const share = judged === 0 ? 0 : bucket.indices.length / judged;
    return segmentGates.flatMap((gate) => measure(bucket, { share, gate, table, config }));
  });
  const tested = found.filter(({ n, test }) => n >= minTested && test !== undefined);
  const eValues = tested.map(({ test }) => test?.eValue ?? 0);
  const flags = isFinal ? eBenjaminiHochberg(eValues, falseFlags) : [];
  const flagged = new Set(flags.map((index) => tested[index]));
  // Intervals of selected segments need a level that depends on the selected share: Xu, Wang and Ramdas (2024), e-BY.
  const flaggedAlpha = (falseFlags * flags.length) / Math.max(1, tested.length) / 2;
  return found.map((each): Segment => {
    const isFlagged = flagged.has(each);
    const alpha = isFlagged ? Math.min(config.alpha, flaggedAlpha) : config.alpha;
    const isTested = isFinal && tested.includes(each);
    const { by, bucket, gate, share, n, margin } = each;
    return {
      ...{ by, bucket, gate, share, n, margin },
      kind: gate === "errors" ? "rate" : "ratio",
      ...boundsOf(each, alpha),
      e_value: isTested ? (each.test?.eValue ?? null) : null,
      flagged: isFlagged,
    };
  });
}

const segmentGates: readonly SegmentGate[] = [
  "ttft.typical",
  "tpot.typical",
  "whole.typical",
  "errors",
];

interface Measured {
  readonly by: SegmentBy;
  readonly bucket: string;
  readonly gate: SegmentGate;
  readonly share: number;
  readonly n: number;
  readonly margin: number;
  /** Mean log ratio, or mean difference of rates. */
  readonly mean: number;
  readonly test: SwingTest | undefined;
}

interface MeasureContext {
  readonly share: number;
  readonly gate: SegmentGate;
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
  const nullValue = gate === "errors" ? margin : Math.log(margin);
  return [
    { by, bucket: name, gate, share, n, margin, mean, test: swingTest(atMs, over, nullValue) },
  ];
}

/** Difference of a pair; undefined if it does not count for the gate. */
function differenceOf(table: PairTable, gate: SegmentGate, index: number): number | undefined {
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

function boundsOf(
  { gate, mean, test }: Measured,
  alpha: number,
): Pick<Segment, "estimate" | "lower" | "upper" | "level"> {
  const shown = (value: number) => (gate === "errors" ? value : Math.exp(value));
  const level = 1 - 2 * alpha;
  if (test === undefined) return { estimate: shown(mean), lower: null, upper: null, level };
  const radius = studentQuantile(1 - alpha, test.freedom) * test.error;
  return { estimate: shown(mean), lower: shown(mean - radius), upper: shown(mean + radius), level };
}

/** Kinds of requests that include some but not all pairs; the largest ones if there are too many. */
function bucketsOf(table: PairTable): readonly Bucket[] {
  const hasTokens = table.baseline.promptTokens.some((value) => Number.isFinite(value));
  const sizes = hasTokens ? table.baseline.promptTokens : table.promptBytes;
  const { model, path, shape, priority } = table.kinds;
  const found = [
    ...split(table, "model", (i) => model[i]),
    ...split(table, "path", (i) => path[i]),
    ...split(table, "stream", (i) => (table.isStream[i] === 1 ? "streamed" : "whole")),
    ...split(table, hasTokens ? "prompt_tokens" : "prompt_bytes", (i) => sizeName(sizes[i])),
    ...split(table, "shape", (i) => shape[i]),
    ...split(table, "priority", (i) => priority[i]),
  ];
  if (found.length <= maxSegments) return found;
  const kept = new Set(
    found.toSorted((a, b) => b.indices.length - a.indices.length).slice(0, maxSegments),
  );
  return found.filter((bucket) => kept.has(bucket));
}

function split(
  table: PairTable,
  by: SegmentBy,
  nameOf: (index: number) => string | undefined,
): readonly Bucket[] {
  const groups = new Map<string, number[]>();
  for (let i = 0; i < table.size; i++) {
    if (table.isJudged[i] !== 1) continue;
    const name = nameOf(i);
    if (name === undefined || name === "") continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [i]);
    else group.push(i);
  }
  const buckets = [...groups]
    .map(([name, indices]): Bucket => ({ by, name, indices }))
    .filter(({ indices }) => indices.length >= minShown)
    .toSorted((a, b) => b.indices.length - a.indices.length || (a.name < b.name ? -1 : 1))
    .slice(0, maxBuckets);
  // With a single kind, the gates already cover it.
  if (groups.size < 2) return [];
  return by.startsWith("prompt") ? buckets.toSorted((a, b) => sizeOf(a) - sizeOf(b)) : buckets;
}

const sizeNames = [
  [256, "0-256"],
  [1_024, "256-1k"],
  [4_096, "1k-4k"],
  [16_384, "4k-16k"],
  [65_536, "16k-64k"],
  [Number.POSITIVE_INFINITY, "64k+"],
] as const;

function sizeName(size: number | undefined): string | undefined {
  return sizeNames.find(([end]) => (size ?? Number.NaN) < end)?.[1];
}

function sizeOf({ name }: Bucket): number {
  return sizeNames.findIndex(([, each]) => each === name);
}
