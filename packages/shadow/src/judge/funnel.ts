import type { ReportFunnel } from "../report/shadow-report.ts";
import type { EvaluationFacts } from "./input.ts";
import type { Partition } from "./partition.ts";
import { countOf, type PairTable } from "./table.ts";

/** Where requests were lost on the way to a judged pair. What was left out for want of memory is among what is not used. */
export function funnelOf(
  { counts }: Partition,
  table: PairTable,
  { counts: known, leftOut = { paired: 0, lost: 0 } }: EvaluationFacts,
): ReportFunnel {
  const censored: Record<string, number> = {};
  for (let i = 0; i < table.size; i++) {
    if (table.isJudged[i] === 1) continue;
    const name = table.baseline.classes[i] ?? "unknown";
    censored[name] = (censored[name] ?? 0) + 1;
  }
  const measured = counts.mirrored + leftOut.paired + leftOut.lost;
  const dropped = Object.values(counts.dropped).reduce((sum, n) => sum + n, 0);
  return {
    ...{ eligible: counts.samples, sampled: measured + dropped, dispatched: measured },
    dropped: counts.dropped,
    ...known,
    paired: counts.paired + leftOut.paired,
    lost: counts.lost + leftOut.lost,
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
