import type { TimelinePoint } from "../report/shadow-report.ts";
import { chooseBlocks, moments } from "../statistics/blocks.ts";
import { meanBounds } from "../statistics/confidence-sequence.ts";
import type { EvaluationConfig } from "./config.ts";
import { finite, pairedValues } from "./ratio-gate.ts";
import type { PairTable } from "./table.ts";

const maxPoints = 240;
const minBlocks = 20;

/** Block by block: the ratio, and the confidence sequence as it stood then. */
export function timelineOf(
  table: PairTable,
  startedAtMs: number,
  { blockLengthsMs, alpha }: EvaluationConfig,
): readonly TimelinePoint[] {
  const ttft = pairedValues(table, "ttft");
  const values = ttft.logRatio.length > 0 ? ttft : pairedValues(table, "e2e");
  if (values.logRatio.length === 0) return [];
  const { blocks } = chooseBlocks(values.atMs, values.logRatio, { lengthsMs: blockLengthsMs });
  const errors = errorsByBlock(table, blocks.startsMs);
  const points = Array.from({ length: blocks.count }, (_, k): TimelinePoint => {
    const running = moments(blocks.counts.subarray(0, k + 1), blocks.sums.subarray(0, k + 1));
    const bounds = k + 1 >= minBlocks ? meanBounds(running, alpha) : undefined;
    return {
      t: ((blocks.startsMs[k] ?? 0) - startedAtMs) / 1_000,
      n: blocks.counts[k] ?? 0,
      ratio: Math.exp((blocks.sums[k] ?? 0) / (blocks.counts[k] ?? 1)),
      running: finite(Math.exp(running.mean)),
      cs_lo: bounds === undefined ? null : finite(Math.exp(bounds.lower)),
      cs_hi: bounds === undefined ? null : finite(Math.exp(bounds.upper)),
      errors_p: errors.baseline[k] ?? 0,
      errors_s: errors.shadow[k] ?? 0,
    };
  });
  const step = Math.ceil(points.length / maxPoints);
  return points.filter((_, index) => index % step === 0 || index === points.length - 1);
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
