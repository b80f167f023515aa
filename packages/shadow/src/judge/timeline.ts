import type { TimelinePoint } from "../report/shadow-report.ts";
import { type Blocks, cutBlocks, moments } from "../statistics/blocks.ts";
import type { Bounds } from "../statistics/confidence-sequence.ts";
import { anytimeBounds, influencesOf } from "../statistics/long-run.ts";
import type { EvaluationConfig } from "./config.ts";
import { finite, pairedValues } from "./ratio-gate.ts";
import type { PairTable } from "./table.ts";

const maxPoints = 240;

/** For each block: the ratio, and the anytime-valid bounds that an analysis at that time would have given. */
export function timelineOf(
  table: PairTable,
  startedAtMs: number,
  { blockLengthsMs, alpha }: EvaluationConfig,
): readonly TimelinePoint[] {
  const ttft = pairedValues(table, "ttft");
  const values = ttft.logRatio.length > 0 ? ttft : pairedValues(table, "e2e");
  if (values.logRatio.length === 0) return [];
  const blocks = cutBlocks(values.atMs, values.logRatio, blockLengthsMs[0] ?? 10_000);
  const errors = errorsByBlock(table, blocks.startsMs);
  const step = Math.ceil(blocks.count / maxPoints);
  const shown = Array.from({ length: blocks.count }, (_, k) => k).filter(
    (k) => k % step === 0 || k === blocks.count - 1,
  );
  return shown.map((k): TimelinePoint => {
    const { mean, bounds } = lookAt(blocks, k, alpha);
    return {
      t: ((blocks.startsMs[k] ?? 0) - startedAtMs) / 1_000,
      n: blocks.counts[k] ?? 0,
      ratio: Math.exp((blocks.sums[k] ?? 0) / (blocks.counts[k] ?? 1)),
      running: finite(Math.exp(mean)),
      cs_lo: bounds === undefined ? null : finite(Math.exp(bounds.lower)),
      cs_hi: bounds === undefined ? null : finite(Math.exp(bounds.upper)),
      errors_p: errors.baseline[k] ?? 0,
      errors_s: errors.shadow[k] ?? 0,
    };
  });
}

/** Bounds of the typical gate for an analysis after block `k`. */
function lookAt(
  { counts, sums, squares }: Blocks,
  k: number,
  alpha: number,
): { readonly mean: number; readonly bounds: Bounds | undefined } {
  const until = (of: Float64Array) => of.subarray(0, k + 1);
  const seen = moments(until(counts), until(sums), until(squares));
  const size = seen.counts.reduce((sum, each) => sum + each, 0);
  return {
    mean: seen.mean,
    bounds: anytimeBounds(seen, influencesOf({ ...seen, size }), alpha),
  };
}

function errorsByBlock(
  { size, atMs, baseline, shadow, isJudged }: PairTable,
  startsMs: Float64Array,
): { readonly baseline: Uint32Array; readonly shadow: Uint32Array } {
  const counts = {
    baseline: new Uint32Array(startsMs.length),
    shadow: new Uint32Array(startsMs.length),
  };
  let block = 0;
  for (let i = 0; i < size; i++) {
    while (block + 1 < startsMs.length && (atMs[i] ?? 0) >= (startsMs[block + 1] ?? 0)) block++;
    if (isJudged[i] !== 1) continue;
    if (baseline.isOk[i] !== 1) counts.baseline[block] = (counts.baseline[block] ?? 0) + 1;
    if (shadow.isOk[i] !== 1) counts.shadow[block] = (counts.shadow[block] ?? 0) + 1;
  }
  return counts;
}
