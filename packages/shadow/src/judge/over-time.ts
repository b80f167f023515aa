import type { BothLanes, OverTime, OverTimePoint } from "../report/over-time.ts";
import { quantile, sorted } from "../statistics/quantile.ts";
import { laneEvents } from "./lane-events.ts";
import type { LaneColumns, PairTable } from "./table.ts";

const minStepS = 10;
const maxSteps = 60;

/** Describes both lanes in steps of time, and events of their endpoints. */
export function describeOverTime(table: PairTable, startedAtMs: number): OverTime {
  const { size, atMs } = table;
  const [first, last] = [atMs[0] ?? startedAtMs, atMs[size - 1] ?? startedAtMs];
  const stepMs = Math.max(minStepS * 1_000, Math.ceil((last - first) / maxSteps / 1_000) * 1_000);
  const points: OverTimePoint[] = [];
  let from = 0;
  for (let start = first; from < size; start += stepMs) {
    let to = from;
    while (to < size && (atMs[to] ?? 0) < start + stepMs) to++;
    if (to > from) points.push(pointOf({ table, from, to, start, stepMs, startedAtMs }));
    from = to;
  }
  return {
    step_s: stepMs / 1_000,
    points: size === 0 ? [] : points,
    events: [
      ...laneEvents("primary", table.baseline.endpoints, atMs, startedAtMs),
      ...laneEvents("shadow", table.shadow.endpoints, atMs, startedAtMs),
    ].toSorted((a, b) => a.t - b.t),
  };
}

interface Step {
  readonly table: PairTable;
  /** Indices of its pairs: `from` inclusive to `to` exclusive. */
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly stepMs: number;
  readonly startedAtMs: number;
}

function pointOf({ table, from, to, start, stepMs, startedAtMs }: Step): OverTimePoint {
  const { isUsed, isJudged, isStream } = table;
  const both = (of: (lane: LaneColumns) => number | null): BothLanes => ({
    primary: of(table.baseline),
    shadow: of(table.shadow),
  });
  const median = (column: "ttft" | "tpot" | "e2e", keeps: (index: number) => boolean) =>
    both((lane) => {
      const values: number[] = [];
      for (let i = from; i < to; i++) {
        const value = lane[column][i] ?? Number.NaN;
        if (isUsed[i] === 1 && keeps(i) && Number.isFinite(value)) values.push(value);
      }
      return values.length === 0 ? null : quantile(sorted(values), 0.5);
    });
  return {
    t: (start - startedAtMs) / 1_000,
    pairs: to - from,
    ttft_ms: median("ttft", (i) => isStream[i] === 1),
    tpot_ms: median("tpot", (i) => isStream[i] === 1),
    whole_ms: median("e2e", (i) => isStream[i] !== 1),
    errors: both((lane) => {
      let [bad, all] = [0, 0];
      for (let i = from; i < to; i++) {
        if (isJudged[i] !== 1) continue;
        all++;
        if (lane.isOk[i] !== 1) bad++;
      }
      return all === 0 ? null : bad / all;
    }),
    in_flight: both((lane) => inFlight(table, lane, start, stepMs)),
  };
}

/** Most earlier pairs that are searched for requests still in flight. */
const maxLookBack = 20_000;

/** Mean number of the lane's requests in flight during the step. */
function inFlight({ size, atMs }: PairTable, lane: LaneColumns, start: number, stepMs: number) {
  const end = start + stepMs;
  let busyMs = 0;
  for (let i = upTo(atMs, end) - 1, seen = 0; i >= 0 && seen < Math.min(size, maxLookBack); i--) {
    seen++;
    const from = atMs[i] ?? 0;
    const took = lane.e2e[i] ?? Number.NaN;
    if (Number.isFinite(took)) {
      busyMs += Math.max(0, Math.min(end, from + took) - Math.max(start, from));
    }
    // A mirrored request takes at most ten minutes.
    if (from < start - 600_000) break;
  }
  return busyMs / stepMs;
}

/** Number of times before `end`; the times are ascending. */
function upTo(atMs: Float64Array, end: number): number {
  let [low, high] = [0, atMs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((atMs[middle] ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  return low;
}
