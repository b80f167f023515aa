import type { LaneCost } from "../report/report-cost.ts";
import type {
  LaneSummary,
  LaneThroughput,
  MatrixCell,
  MetricName,
  MetricSummary,
  Point,
  RatioSummary,
  ReportPlots,
  ReportTokens,
  Stratum,
} from "../report/shadow-report.ts";
import { chooseBlocks } from "../statistics/blocks.ts";
import { quantileRatios } from "../statistics/bootstrap.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import { blockMean, boundsOf } from "./block-mean.ts";
import type { EvaluationConfig } from "./config.ts";
import { capped, finite, type GateContext, pairedValues, pairsOf } from "./ratio-gate.ts";
import { indicesOf, isGood, type LaneColumns, type PairTable } from "./table.ts";

const columns = {
  ttft_ms: "ttft",
  ttfo_ms: "ttfo",
  tpot_ms: "tpot",
  e2e_ms: "e2e",
} as const satisfies Readonly<Record<MetricName, keyof LaneColumns>>;

/** Quantiles of both lanes for each metric, over used pairs. */
export function describeMetrics(
  table: PairTable,
  context: Pick<GateContext, "config" | "isFinal" | "seedOf">,
): Readonly<Record<MetricName, MetricSummary>> {
  const summary = (metric: MetricName): MetricSummary => ({
    primary: laneSummary(table, table.baseline[columns[metric]]),
    shadow: laneSummary(table, table.shadow[columns[metric]]),
    ratios: metric === "ttfo_ms" ? byLevel([]) : ratios(table, metric, context),
  });
  const names = Object.keys(columns) as MetricName[];
  return Object.fromEntries(names.map((name) => [name, summary(name)])) as Record<
    MetricName,
    MetricSummary
  >;
}

const levels = [0.5, 0.9, 0.99];

function byLevel([p50, p90, p99]: readonly (RatioSummary | null)[]): MetricSummary["ratios"] {
  return { p50: p50 ?? null, p90: p90 ?? null, p99: p99 ?? null };
}

function ratios(
  table: PairTable,
  metric: Exclude<MetricName, "ttfo_ms">,
  { config, isFinal, seedOf }: Pick<GateContext, "config" | "isFinal" | "seedOf">,
): MetricSummary["ratios"] {
  const values = pairedValues(table, columns[metric]);
  if (values.logRatio.length < 20) return byLevel([]);
  const { ok, blocks } = chooseBlocks(values.atMs, values.logRatio, {
    lengthsMs: config.blockLengthsMs,
  });
  if (!isFinal || !ok) {
    const [first, second] = [sorted(values.baseline), sorted(values.shadow)];
    return byLevel(
      levels.map((level) => {
        const estimate = finite(quantile(second, level) / quantile(first, level));
        return estimate === null ? null : { estimate, lower: null, upper: null };
      }),
    );
  }
  const options = { seed: seedOf(metric), alphas: [config.alpha] };
  const found = quantileRatios(capped(pairsOf(values, blocks), options.seed), levels, options);
  return byLevel(
    found.map(({ estimate, intervals: [interval] }) => ({
      estimate,
      lower: finite(interval?.inflated.lower ?? Number.NaN),
      upper: finite(interval?.inflated.upper ?? Number.NaN),
    })),
  );
}

function laneSummary(table: PairTable, column: Float64Array): LaneSummary {
  const values = usedOf(table, column);
  const n = values.length;
  const at = (level: number) => finite(quantile(values, level));
  const sum = values.reduce((total, value) => total + value, 0);
  return {
    n,
    mean: n === 0 ? null : sum / n,
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    max: finite(values.at(-1) ?? Number.NaN),
    histogram: histogram(values),
  };
}

/** Sorted values of the used pairs. */
function usedOf({ isUsed }: PairTable, column: Float64Array): Float64Array {
  return column.filter((value, i) => isUsed[i] === 1 && Number.isFinite(value)).sort();
}

/** Each bucket is 10 % wider than the one before, so that a quantile read from the histogram is within 5 %. */
function histogram(values: Float64Array): readonly (readonly [number, number])[] {
  const counts = new Map<number, number>();
  for (const value of values) {
    const bucket = Math.ceil(Math.log(Math.max(value, 0.01)) / Math.log(1.1));
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([bucket, count]) => [Number((1.1 ** bucket).toPrecision(6)), count] as const);
}

/** Counts pairs by the words of both lanes, most frequent first. */
export function matrixOf(
  table: PairTable,
  of: (lane: LaneColumns, index: number) => string,
): readonly MatrixCell[] {
  const cells: [string, string, number][] = [];
  const rows = new Map<string, Map<string, [string, string, number]>>();
  for (let i = 0; i < table.size; i++) {
    const [first, second] = [of(table.baseline, i), of(table.shadow, i)];
    const row = rows.get(first) ?? new Map<string, [string, string, number]>();
    rows.set(first, row);
    let cell = row.get(second);
    if (cell === undefined) {
      cell = [first, second, 0];
      row.set(second, cell);
      cells.push(cell);
    }
    cell[2]++;
  }
  return cells.toSorted((a, b) => b[2] - a[2]);
}

export function describeTokens(table: PairTable): ReportTokens {
  const used = indicesOf(table, (i) => table.isUsed[i] === 1);
  const usage = used.reduce((sum, i) => sum + (table.isUsage[i] ?? 0), 0);
  const total = (lane: LaneColumns) =>
    used.reduce((sum, i) => {
      const tokens = lane.outTokens[i] ?? 0;
      return sum + (Number.isNaN(tokens) ? 0 : tokens);
    }, 0);
  const promptRatios = [...used].flatMap((i) => {
    const ratio = (table.shadow.promptTokens[i] ?? 0) / (table.baseline.promptTokens[i] ?? 0);
    return Number.isFinite(ratio) && ratio > 0 ? [ratio] : [];
  });
  const promptRatio = finite(quantile(sorted(promptRatios), 0.5));
  const share = used.length === 0 ? 0 : usage / used.length;
  return {
    provenance: { usage: share, chunks: used.length === 0 ? 0 : 1 - share },
    output: { primary: total(table.baseline), shadow: total(table.shadow) },
    prompt_ratio: promptRatio,
    // Different chat templates change the length of the same prompts by less than 2 %.
    same_tokenizer: promptRatio === null ? null : Math.abs(promptRatio - 1) <= 0.02,
  };
}

/** Describes throughput. Tokens include all traffic, as in `cost`, because pairs are only the mirrored part. */
export function describeThroughput(
  table: PairTable,
  side: "baseline" | "shadow",
  { tokens_per_s, per_replica }: LaneCost,
  { slo }: EvaluationConfig,
): LaneThroughput {
  const lane = table[side];
  const spanS = ((table.atMs[table.size - 1] ?? 0) - (table.atMs[0] ?? 0)) / 1_000;
  let good = 0;
  for (let i = 0; i < table.size; i++) if (isGood(lane, i, slo)) good++;
  const hasSlo = Object.keys(slo).length > 0;
  return {
    tokens_per_s,
    tokens_per_s_per_replica: per_replica?.tokens_per_s ?? null,
    goodput_per_s: hasSlo && spanS > 0 ? good / spanS : null,
    requests: table.size,
  };
}

const promptBuckets = [256, 1_024, 4_096, 16_384, 65_536, Number.POSITIVE_INFINITY];

/** Geometric mean ratios by prompt length and by streaming, to find kinds of requests that are slower. */
export function describeStrata(table: PairTable): readonly Stratum[] {
  const hasTokens = table.baseline.promptTokens.some((value) => Number.isFinite(value));
  const sizes = hasTokens ? table.baseline.promptTokens : table.promptBytes;
  const bySize = (i: number) => {
    const bucket = promptBuckets.findIndex((end) => (sizes[i] ?? Number.NaN) < end);
    return bucket < 0 ? undefined : bucketName(bucket);
  };
  const byStream = (i: number) => (table.isStream[i] === 1 ? "streamed" : "whole");
  const byCache = (i: number) => cacheBucket(table, i);
  return [
    ...strata(table, hasTokens ? "prompt_tokens" : "prompt_bytes", bySize),
    ...strata(table, "stream", byStream),
    ...strata(table, "cached_share", byCache),
  ];
}

/** Cached shares that differ by less count as equal. */
const equalShare = 0.02;

/**
 * Groups pairs by which lane found more of the prompt in its prefix cache. With equal shares, the cache can't explain a
 * difference.
 */
function cacheBucket({ baseline, shadow }: PairTable, i: number): string | undefined {
  const shareOf = ({ cachedTokens, promptTokens }: LaneColumns) =>
    (cachedTokens[i] ?? Number.NaN) / (promptTokens[i] ?? 0);
  const difference = shareOf(shadow) - shareOf(baseline);
  if (!Number.isFinite(difference)) return undefined;
  if (Math.abs(difference) <= equalShare) return "equal";
  return difference < 0 ? "less" : "more";
}

function bucketName(bucket: number): string {
  const shown = (value: number) => (value >= 1_024 ? `${value / 1_024}k` : String(value));
  const [from, to] = [promptBuckets[bucket - 1] ?? 0, promptBuckets[bucket] ?? 0];
  return Number.isFinite(to) ? `${shown(from)}-${shown(to)}` : `${shown(from)}+`;
}

/** Length of a block; a block with fewer than five pairs of its kind is merged with the next. */
const blockMs = 10_000;

function strata(
  table: PairTable,
  by: Stratum["by"],
  bucketOf: (index: number) => string | undefined,
): readonly Stratum[] {
  const groups: { bucket: string; metric: MetricName; times: number[]; values: number[] }[] = [];
  for (let i = 0; i < table.size; i++) {
    if (table.isUsed[i] !== 1) continue;
    const bucket = bucketOf(i);
    const metric = table.isStream[i] === 1 ? "ttft_ms" : "e2e_ms";
    const column = columns[metric];
    const ratio = (table.shadow[column][i] ?? 0) / (table.baseline[column][i] ?? 0);
    if (bucket === undefined || !Number.isFinite(ratio) || ratio <= 0) continue;
    const known = groups.find((each) => each.bucket === bucket && each.metric === metric);
    const group = known ?? { bucket, metric, times: [], values: [] };
    if (known === undefined) groups.push(group);
    group.times.push(table.atMs[i] ?? 0);
    group.values.push(Math.log(ratio));
  }
  return groups.map(({ bucket, metric, times, values }) => {
    const n = values.length;
    const mean = blockMean(times, values, blockMs);
    const bounds = mean === undefined ? undefined : boundsOf(mean, 0.95);
    return {
      by,
      bucket,
      n,
      metric,
      estimate: Math.exp(values.reduce((sum, value) => sum + value, 0) / n),
      lower: bounds === undefined ? null : finite(Math.exp(bounds.lower)),
      upper: bounds === undefined ? null : finite(Math.exp(bounds.upper)),
    };
  });
}

const ecdfPoints = 200;
const scatterPoints = 2_000;

export function describePlots(table: PairTable): ReportPlots {
  const curve = (metric: "ttft_ms" | "tpot_ms" | "e2e_ms") => ({
    primary: ecdf(table, table.baseline[columns[metric]]),
    shadow: ecdf(table, table.shadow[columns[metric]]),
  });
  const isStreamed = table.isStream.some((flag) => flag === 1);
  const { baseline, shadow } = pairedValues(table, isStreamed ? "ttft" : "e2e");
  const count = Math.min(scatterPoints, baseline.length);
  const points = Array.from({ length: count }, (_, k): Point => {
    const i = Math.floor((k * baseline.length) / count);
    return [round(baseline[i] ?? 0), round(shadow[i] ?? 0)];
  });
  return {
    ecdf: { ttft_ms: curve("ttft_ms"), tpot_ms: curve("tpot_ms"), e2e_ms: curve("e2e_ms") },
    scatter: { metric: isStreamed ? "ttft_ms" : "e2e_ms", points },
  };
}

function ecdf(table: PairTable, column: Float64Array): readonly Point[] {
  const values = usedOf(table, column);
  if (values.length === 0) return [];
  const count = Math.min(ecdfPoints, values.length);
  return Array.from({ length: count }, (_, k): Point => {
    const rank = Math.ceil(((k + 1) / count) * values.length);
    return [round(values[rank - 1] ?? 0), Number((rank / values.length).toFixed(4))];
  });
}

function round(ms: number): number {
  return Number(ms.toPrecision(5));
}
