import type { Lane, Leg, LegClass, Pair } from "./leg.ts";

/** Both lanes side by side, as plain data. Times in ms. */
export interface ShadowReport {
  /** Version of this shape. */
  readonly version: 1;
  /** One for each lane and pool, primaries first. */
  readonly lanes: readonly LaneReport[];
  readonly pairs: number;
  /** Finished legs without a twin: not mirrored, not done yet, or lost. */
  readonly unpaired: Readonly<Record<Lane, number>>;
  /** Not recorded: too many were open. */
  readonly dropped: number;
  /** Waited for a twin in vain. */
  readonly expired: number;
  /** Shadow over primary, the median of the pairs in which both are ok; absent without such a pair. */
  readonly medianRatio: Readonly<Partial<Record<Metric, number>>>;
}

export type Metric = "ttftMs" | "tpotMs" | "e2eMs";

export interface LaneReport {
  readonly lane: Lane;
  readonly pool: string;
  readonly requests: number;
  /** Count by class; `ok` among them. */
  readonly classes: Readonly<Partial<Record<LegClass, number>>>;
  /** Of requests that are ok; absent where none has the metric. */
  readonly ttftMs?: Percentiles;
  readonly tpotMs?: Percentiles;
  readonly e2eMs?: Percentiles;
  readonly meanOutTokens?: number;
  readonly outTokens: number;
  /** Requests by endpoint. */
  readonly endpoints: Readonly<Record<string, number>>;
}

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export interface ReportInput {
  readonly pairs: readonly Pair[];
  readonly singles: readonly Leg[];
  readonly dropped: number;
  readonly expired: number;
}

export function createReport({ pairs, singles, dropped, expired }: ReportInput): ShadowReport {
  const legs = [...legsOf(pairs), ...singles];
  const groups = Map.groupBy(legs, ({ lane, pool }) => `${lane} ${pool}`);
  const lanes = [...groups.values()].flatMap((group) => laneReport(group) ?? []);
  return {
    version: 1,
    lanes: lanes.toSorted((a, b) => a.lane.localeCompare(b.lane) || a.pool.localeCompare(b.pool)),
    pairs: pairs.length,
    unpaired: {
      primary: singles.filter(({ lane }) => lane === "primary").length,
      shadow: singles.filter(({ lane }) => lane === "shadow").length,
    },
    dropped,
    expired,
    medianRatio: {
      ...ratio(pairs, "ttftMs"),
      ...ratio(pairs, "tpotMs"),
      ...ratio(pairs, "e2eMs"),
    },
  };
}

/** Each leg once: a primary with two shadows stands in two pairs. */
function legsOf(pairs: readonly Pair[]): readonly Leg[] {
  return [...new Set(pairs.flatMap(({ primary, shadow }) => [primary, shadow]))];
}

function laneReport(legs: readonly Leg[]): LaneReport | undefined {
  const [first] = legs;
  if (first === undefined) return undefined;
  const ok = legs.filter((leg) => leg.class === "ok");
  const classes: Partial<Record<LegClass, number>> = {};
  const endpoints: Record<string, number> = {};
  for (const leg of legs) {
    classes[leg.class] = (classes[leg.class] ?? 0) + 1;
    if (leg.endpoint !== undefined) endpoints[leg.endpoint] = (endpoints[leg.endpoint] ?? 0) + 1;
  }
  const tokens = ok.flatMap(({ outTokens }) => outTokens ?? []);
  const outTokens = tokens.reduce((sum, each) => sum + each, 0);
  return {
    lane: first.lane,
    pool: first.pool,
    requests: legs.length,
    classes,
    ...percentilesOf(ok, "ttftMs"),
    ...percentilesOf(ok, "tpotMs"),
    ...percentilesOf(ok, "e2eMs"),
    ...(tokens.length === 0 ? {} : { meanOutTokens: outTokens / tokens.length }),
    outTokens,
    endpoints,
  };
}

function percentilesOf(legs: readonly Leg[], metric: Metric): Partial<Record<Metric, Percentiles>> {
  const sorted = legs.flatMap((leg) => leg[metric] ?? []).toSorted((a, b) => a - b);
  if (sorted.length === 0) return {};
  return { [metric]: { p50: at(sorted, 0.5), p90: at(sorted, 0.9), p99: at(sorted, 0.99) } };
}

function ratio(pairs: readonly Pair[], metric: Metric): Partial<Record<Metric, number>> {
  const ratios = pairs.flatMap(({ primary, shadow }) => {
    const [below, above] = [primary[metric], shadow[metric]];
    const isComparable = primary.class === "ok" && shadow.class === "ok";
    if (!isComparable || below === undefined || above === undefined || below <= 0) return [];
    return [above / below];
  });
  if (ratios.length === 0) return {};
  return {
    [metric]: at(
      ratios.toSorted((a, b) => a - b),
      0.5,
    ),
  };
}

/** Nearest rank. */
function at(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
