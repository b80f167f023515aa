import type { LaneBehaviour, ReportBehaviour, SurvivalSummary } from "../report/behaviour.ts";
import { survivalQuantiles } from "../statistics/kaplan-meier.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import { indicesOf, type LaneColumns, type PairTable } from "./table.ts";

const stallMs = 1_000;

/** Describes how both lanes stream, think and cache. */
export function describeBehaviour(table: PairTable): ReportBehaviour {
  const used = indicesOf(table, (index) => table.isUsed[index] === 1);
  const cut = { primary: firstTokens(table, "baseline"), shadow: firstTokens(table, "shadow") };
  const isCut = Math.max(cut.primary.cut_share, cut.shadow.cut_share) > leastCutShare;
  return {
    primary: {
      ...lane(used, table.baseline),
      ...(isCut ? { ttft_kaplan_meier: cut.primary } : {}),
    },
    shadow: { ...lane(used, table.shadow), ...(isCut ? { ttft_kaplan_meier: cut.shadow } : {}) },
  };
}

/** So few that are cut short do not move a quantile that is shown. */
const leastCutShare = 0.01;

/** Times to the first token of one lane's streams. A twin that never arrived is later than all. */
function firstTokens(table: PairTable, lane: "baseline" | "shadow"): SurvivalSummary {
  const { ttft, cut, isOk } = table[lane];
  const streams = indicesOf(table, (i) => table.isTimed[i] === 1 && table.isStream[i] === 1);
  const isLost = (i: number) => lane === "shadow" && table.isLost[i] === 1;
  const isSeen = (i: number) => (ttft[i] ?? 0) > 0;
  const unseen = Array.from(streams).filter((i) => !isSeen(i) && (isLost(i) || isOk[i] !== 1));
  const cutAt = unseen.flatMap((i) => (isLost(i) ? Number.POSITIVE_INFINITY : known(cut[i])));
  const seen = streams.filter(isSeen);
  const [p50 = null, p90 = null, p99 = null] = survivalQuantiles(
    Array.from(seen, (i) => ttft[i] ?? 0),
    cutAt,
    [0.5, 0.9, 0.99],
  );
  const cutShort = unseen.filter((i) => !isLost(i)).length;
  return { cut_share: streams.length === 0 ? 0 : cutShort / streams.length, p50, p90, p99 };
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
