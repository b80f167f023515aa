import type { ReportFunnel } from "../report/shadow-report.ts";
import type { LeftOut } from "../samples/sample-store.ts";
import type { EvaluationFacts } from "./input.ts";
import type { Partition } from "./partition.ts";
import { countOf, type PairTable } from "./table.ts";

/** Number of mirrored requests with an outcome, including those left out to save memory. */
export function measuredOf(
  { counts }: Pick<Partition, "counts">,
  { leftOut = noneLeftOut }: EvaluationFacts,
): number {
  const { paired, lost, unsent, unmeasured } = leftOut;
  return counts.mirrored + paired + lost + unsent + unmeasured;
}

const noneLeftOut: LeftOut = { paired: 0, lost: 0, unsent: 0, unmeasured: 0 };

/**
 * True if the process has counted the whole evaluation. Counts are in memory and samples on disk, so after a restart
 * there are more samples than counts.
 */
export function isCountedInFull(part: Pick<Partition, "counts">, facts: EvaluationFacts): boolean {
  return facts.counts === undefined || facts.counts.dispatched >= measuredOf(part, facts);
}

/**
 * Shows where requests were lost on the way to a judged pair. Those left out to save memory are among the unused ones.
 * Counts that a restart has reset are raised to what the samples show.
 */
export function funnelOf(part: Partition, table: PairTable, facts: EvaluationFacts): ReportFunnel {
  const { counts } = part;
  const { counts: known, leftOut = noneLeftOut } = facts;
  const censored: Record<string, number> = {};
  for (let i = 0; i < table.size; i++) {
    if (table.isJudged[i] === 1) continue;
    const name = table.baseline.classes[i] ?? "unknown";
    censored[name] = (censored[name] ?? 0) + 1;
  }
  const measured = measuredOf(part, facts);
  const dropped = Object.values(counts.dropped).reduce((sum, n) => sum + n, 0);
  return {
    ...known,
    eligible: Math.max(known?.eligible ?? 0, counts.samples),
    sampled: Math.max(known?.sampled ?? 0, measured + dropped),
    dispatched: Math.max(known?.dispatched ?? 0, measured),
    dropped: atLeast(counts.dropped, known?.dropped ?? {}),
    paired: counts.paired + leftOut.paired,
    lost: counts.lost + leftOut.lost,
    unsent: counts.unsent + leftOut.unsent,
    unmeasured: counts.unmeasured + leftOut.unmeasured,
    warmup: counts.warmup,
    used: countOf(table.isUsed),
    censored,
    in_flight: Math.max(0, (known?.dispatched ?? measured) - measured),
    not_used: {
      ...counts.not_used,
      ...(leftOut.paired === 0 ? {} : { over_memory: leftOut.paired }),
    },
  };
}

/** Takes the larger of each count. */
function atLeast(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const larger = Object.entries(one).map(([name, n]) => [name, Math.max(n, other[name] ?? 0)]);
  return { ...other, ...Object.fromEntries(larger) };
}
