import type { LaneBehaviour, ReportBehaviour } from "../report/behaviour.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import { indicesOf, type LaneColumns, type PairTable } from "./table.ts";

const stallMs = 1_000;

/** Describes how both lanes stream, think and cache. */
export function describeBehaviour(table: PairTable): ReportBehaviour {
  const used = indicesOf(table, (index) => table.isUsed[index] === 1);
  return { primary: lane(used, table.baseline), shadow: lane(used, table.shadow) };
}

function lane(used: Uint32Array, columns: LaneColumns): LaneBehaviour {
  const stalls = sorted([...used].flatMap((i) => known(columns.stall[i])));
  const stalled = stalls.filter((ms) => ms >= stallMs).length;
  return {
    stall_p50_ms: finiteOrNull(quantile(stalls, 0.5)),
    stall_p99_ms: finiteOrNull(quantile(stalls, 0.99)),
    stalled_share: stalls.length === 0 ? null : stalled / stalls.length,
    reasoning_share: shareOf(used, (i) => {
      const { ttft, ttfo, e2e } = columns;
      return [(ttfo[i] ?? Number.NaN) - (ttft[i] ?? Number.NaN), (e2e[i] ?? 0) - (ttft[i] ?? 0)];
    }),
    cached_share: shareOf(used, (i) => [
      columns.cachedTokens[i] ?? Number.NaN,
      columns.promptTokens[i] ?? Number.NaN,
    ]),
  };
}

/** Sum of the parts divided by the sum of the wholes, over requests that have both. */
function shareOf(
  used: Uint32Array,
  partOf: (index: number) => readonly [part: number, whole: number],
): number | null {
  let [parts, wholes] = [0, 0];
  for (const index of used) {
    const [part, whole] = partOf(index);
    if (!Number.isFinite(part) || !Number.isFinite(whole)) continue;
    parts += part;
    wholes += whole;
  }
  return wholes > 0 ? Math.min(1, Math.max(0, parts / wholes)) : null;
}

function known(value: number | undefined): readonly number[] {
  return value === undefined || !Number.isFinite(value) ? [] : [value];
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
