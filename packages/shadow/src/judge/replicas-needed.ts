import type { ReplicasNeeded } from "../report/report-cost.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import { createRandom } from "../statistics/random.ts";
import type { EvaluationConfig } from "./config.ts";
import type { EvaluationFacts } from "./input.ts";
import { isGood, type LaneColumns, type PairTable } from "./table.ts";

/** Block length: long enough to measure a rate, short enough for a steady load. */
const blockMs = 60_000;
const minBlocks = 8;
const replicates = 400;

interface LoadBlock {
  n: number;
  good: number;
}

/**
 * Estimates the shadow replicas needed for the primary's peak. The capacity of a replica is its average rate in the
 * run, or in its quieter blocks, for which its requests kept the SLO as often as the primary's, within the gate's
 * margin. Nothing is extrapolated, so a shadow with spare capacity needs fewer replicas. The 90 % interval comes from
 * resampling blocks.
 */
export function replicasNeeded(
  table: PairTable,
  { peakPerSecond, candidate }: EvaluationFacts,
  { slo, gates }: EvaluationConfig,
): ReplicasNeeded | null {
  const replicas = candidate?.replicas ?? 0;
  const hasSlo = Object.keys(slo).length > 0;
  if (!hasSlo || peakPerSecond === undefined || replicas <= 0) return null;
  const blocks = loadBlocks(table, (i) => isGood(table.shadow, i, slo));
  if (blocks.length < minBlocks) return null;
  const target = attainment(table, table.baseline, slo) - gates.slo.margin;
  const found = carried(blocks, target);
  if (found === undefined) return null;
  const random = createRandom(blocks.length);
  const drawn = Array.from({ length: replicates }, () => {
    const resampled = blocks.map(() => blocks[random.below(blocks.length)] ?? { n: 0, good: 0 });
    return carried(resampled, target)?.perSecond ?? 0;
  });
  const needed = (perSecond: number) => (peakPerSecond * replicas) / perSecond;
  const spread = sorted(drawn.filter((each) => each > 0));
  return {
    estimate: needed(found.perSecond),
    lower: needed(quantile(spread, 0.95)),
    upper: needed(quantile(spread, 0.05)),
    peak_requests_per_s: peakPerSecond,
    per_replica: found.perSecond / replicas,
    basis: found.isAll ? "demand" : "capacity",
  };
}

/**
 * Mean rate of the largest set of blocks, starting with the quietest, that together keep the target; undefined if even
 * the quietest do not.
 */
function carried(blocks: readonly LoadBlock[], target: number) {
  const ascending = blocks.toSorted((a, b) => a.n - b.n);
  let [n, good, kept] = [0, 0, 0];
  let sum = 0;
  ascending.forEach((block, i) => {
    n += block.n;
    good += block.good;
    if (good < target * n) return;
    kept = i + 1;
    sum = n;
  });
  if (kept * 4 < blocks.length || sum === 0) return undefined;
  return { perSecond: sum / kept / (blockMs / 1_000), isAll: kept === blocks.length };
}

function loadBlocks({ size, atMs }: PairTable, isGoodAt: (i: number) => boolean) {
  const blocks: LoadBlock[] = [];
  const first = atMs[0] ?? 0;
  for (let i = 0; i < size; i++) {
    const at = Math.floor(((atMs[i] ?? 0) - first) / blockMs);
    while (blocks.length <= at) blocks.push({ n: 0, good: 0 });
    const block = blocks[at];
    if (block === undefined) continue;
    block.n++;
    if (isGoodAt(i)) block.good++;
  }
  // The last block is incomplete.
  return blocks.slice(0, -1);
}

function attainment(table: PairTable, lane: LaneColumns, slo: EvaluationConfig["slo"]): number {
  let good = 0;
  for (let i = 0; i < table.size; i++) if (isGood(lane, i, slo)) good++;
  return table.size === 0 ? 0 : good / table.size;
}
