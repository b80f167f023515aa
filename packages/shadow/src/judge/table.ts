import { isCensored } from "../measure/leg.ts";
import type { Sample, SampleLeg } from "../samples/sample.ts";
import type { EvaluationConfig } from "./config.ts";

/** A lane's numbers of all pairs, by index; NaN where not known. */
export interface LaneColumns {
  readonly ttft: Float64Array;
  readonly ttfo: Float64Array;
  readonly tpot: Float64Array;
  readonly e2e: Float64Array;
  readonly length: Float64Array;
  readonly promptTokens: Float64Array;
  readonly cachedTokens: Float64Array;
  readonly outTokens: Float64Array;
  readonly isOk: Uint8Array;
  readonly classes: readonly string[];
  readonly finish: readonly string[];
}

/** Pairs in the order of their dispatch, as columns. */
export interface PairTable {
  readonly size: number;
  /** In ms since the epoch. */
  readonly atMs: Float64Array;
  readonly baseline: LaneColumns;
  readonly shadow: LaneColumns;
  /** Both legs have an end of their own: neither was cut short from outside. */
  readonly isJudged: Uint8Array;
  /** Both legs are ok, of one kind, and each had one attempt: latency can be compared. */
  readonly isUsed: Uint8Array;
  readonly isStream: Uint8Array;
  readonly isUsage: Uint8Array;
  readonly promptBytes: Float64Array;
  readonly lag: Float64Array;
}

/** Takes pairs one by one and keeps their numbers alone: samples by the hundred thousand are not held as objects. */
export interface TableBuilder {
  add(sample: Sample, baseline: SampleLeg, shadow: SampleLeg): void;
  /** The pairs from `fromMs` on, by the time of their dispatch. */
  build(fromMs: number): PairTable;
}

const laneNumbers = [
  "ttft",
  "ttfo",
  "tpot",
  "e2e",
  "length",
  "promptTokens",
  "cachedTokens",
  "outTokens",
] as const;

export function createTableBuilder(): TableBuilder {
  const numbers = { atMs: [] as number[], promptBytes: [] as number[], lag: [] as number[] };
  const flags = {
    isJudged: [] as number[],
    isUsed: [] as number[],
    isStream: [] as number[],
    isUsage: [] as number[],
  };
  const ids: string[] = [];
  const lanes = { baseline: createLaneBuilder(), shadow: createLaneBuilder() };
  return {
    add(sample, baseline, shadow) {
      ids.push(sample.id);
      numbers.atMs.push(sample.t0);
      numbers.promptBytes.push(sample.primary.promptBytes ?? Number.NaN);
      numbers.lag.push(sample.lag ?? Number.NaN);
      flags.isJudged.push(Number(isJudged(baseline, shadow)));
      flags.isUsed.push(Number(isUsed(baseline, shadow)));
      flags.isStream.push(Number(baseline.stream === true));
      flags.isUsage.push(
        Number(baseline.tokenSource === "usage" && shadow.tokenSource === "usage"),
      );
      const isOneWay = baseline.tokenSource === shadow.tokenSource;
      const hasChars = (baseline.tpoc ?? null) !== null && (shadow.tpoc ?? null) !== null;
      lanes.baseline.add(baseline, isOneWay, hasChars);
      lanes.shadow.add(shadow, isOneWay, hasChars);
    },
    build(fromMs) {
      const at = numbers.atMs;
      const order = Array.from(at, (_, index) => index)
        .filter((index) => (at[index] ?? 0) >= fromMs)
        .sort((a, b) => (at[a] ?? 0) - (at[b] ?? 0) || ((ids[a] ?? "") < (ids[b] ?? "") ? -1 : 1));
      const column = (of: readonly number[]) =>
        Float64Array.from(order, (i) => of[i] ?? Number.NaN);
      const flag = (of: readonly number[]) => Uint8Array.from(order, (i) => of[i] ?? 0);
      return {
        size: order.length,
        atMs: column(at),
        baseline: lanes.baseline.build(order),
        shadow: lanes.shadow.build(order),
        isJudged: flag(flags.isJudged),
        isUsed: flag(flags.isUsed),
        isStream: flag(flags.isStream),
        isUsage: flag(flags.isUsage),
        promptBytes: column(numbers.promptBytes),
        lag: column(numbers.lag),
      };
    },
  };
}

function createLaneBuilder() {
  const numbers: Record<(typeof laneNumbers)[number], number[]> = {
    ttft: [],
    ttfo: [],
    tpot: [],
    e2e: [],
    length: [],
    promptTokens: [],
    cachedTokens: [],
    outTokens: [],
  };
  const isOk: number[] = [];
  const classes: string[] = [];
  const finish: string[] = [];
  return {
    add(leg: SampleLeg, isOneWay: boolean, hasChars: boolean) {
      const values = {
        ...leg,
        // Tokens counted in two ways do not compare; then time per character stands in.
        tpot: isOneWay ? leg.tpot : hasChars ? (leg.tpoc ?? null) : null,
        length: lengthOf(leg, isOneWay),
      };
      for (const name of laneNumbers) numbers[name].push(values[name] ?? Number.NaN);
      isOk.push(Number(leg.class === "ok"));
      classes.push(leg.class ?? "unknown");
      finish.push(leg.finish ?? "none");
    },
    build(order: readonly number[]): LaneColumns {
      const column = (name: (typeof laneNumbers)[number]) =>
        Float64Array.from(order, (i) => numbers[name][i] ?? Number.NaN);
      return {
        ttft: column("ttft"),
        ttfo: column("ttfo"),
        tpot: column("tpot"),
        e2e: column("e2e"),
        length: column("length"),
        promptTokens: column("promptTokens"),
        cachedTokens: column("cachedTokens"),
        outTokens: column("outTokens"),
        isOk: Uint8Array.from(order, (i) => isOk[i] ?? 0),
        classes: order.map((i) => classes[i] ?? "unknown"),
        finish: order.map((i) => finish[i] ?? "none"),
      };
    },
  };
}

function isJudged(baseline: SampleLeg, shadow: SampleLeg): boolean {
  const isKnown = baseline.class !== null && shadow.class !== null;
  return isKnown && !isCensored(baseline.class) && !isCensored(shadow.class);
}

function isUsed(baseline: SampleLeg, shadow: SampleLeg): boolean {
  const isFirstTry = (baseline.attempts ?? 1) <= 1 && (shadow.attempts ?? 1) <= 1;
  return (
    baseline.class === "ok" &&
    shadow.class === "ok" &&
    isFirstTry &&
    baseline.stream === shadow.stream
  );
}

function lengthOf(leg: SampleLeg, isOneWay: boolean): number | null {
  const length = isOneWay && leg.outTokens !== null ? leg.outTokens : leg.outChars;
  return length === null || length <= 0 ? null : length;
}

/** Pairs for which `keep` holds, as indices. */
export function indicesOf(table: PairTable, keep: (index: number) => boolean): Uint32Array {
  const kept: number[] = [];
  for (let i = 0; i < table.size; i++) if (keep(i)) kept.push(i);
  return Uint32Array.from(kept);
}

/** Ok, and every SLO that is set and defined for the request is kept. */
export function isGood(lane: LaneColumns, index: number, slo: EvaluationConfig["slo"]): boolean {
  if (lane.isOk[index] !== 1) return false;
  const keeps = (value: number | undefined, limit: number | undefined) =>
    limit === undefined || value === undefined || Number.isNaN(value) || value <= limit;
  return (
    keeps(lane.ttft[index], slo.ttft) &&
    keeps(lane.tpot[index], slo.tpot) &&
    keeps(lane.e2e[index], slo.e2e)
  );
}
