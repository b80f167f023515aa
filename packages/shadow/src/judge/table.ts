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

/** One pair as it enters the table: the baseline is the primary, or the control's leg. */
export interface PairRow {
  readonly sample: Sample;
  readonly baseline: SampleLeg;
  readonly shadow: SampleLeg;
}

/** Builds the table; rows may come in any order. */
export function tabulate(rows: readonly PairRow[]): PairTable {
  const ordered = rows.toSorted(
    (a, b) => a.sample.t0 - b.sample.t0 || (a.sample.id < b.sample.id ? -1 : 1),
  );
  const column = (of: (row: PairRow) => number | null) =>
    Float64Array.from(ordered, (row) => of(row) ?? Number.NaN);
  const flags = (of: (row: PairRow) => boolean) =>
    Uint8Array.from(ordered, (row) => Number(of(row)));
  const lane = (leg: (row: PairRow) => SampleLeg): LaneColumns => ({
    ttft: column((row) => leg(row).ttft),
    ttfo: column((row) => leg(row).ttfo),
    tpot: column((row) => perToken(row, leg(row))),
    e2e: column((row) => leg(row).e2e),
    length: column((row) => lengthOf(row, leg(row))),
    promptTokens: column((row) => leg(row).promptTokens),
    cachedTokens: column((row) => leg(row).cachedTokens),
    outTokens: column((row) => leg(row).outTokens),
    isOk: flags((row) => leg(row).class === "ok"),
    classes: ordered.map((row) => leg(row).class ?? "unknown"),
    finish: ordered.map((row) => leg(row).finish ?? "none"),
  });
  return {
    size: ordered.length,
    atMs: column(({ sample }) => sample.t0),
    baseline: lane((row) => row.baseline),
    shadow: lane((row) => row.shadow),
    isJudged: flags(isJudged),
    isUsed: flags(isUsed),
    isStream: flags(({ baseline }) => baseline.stream === true),
    isUsage: flags(
      ({ baseline, shadow }) => baseline.tokenSource === "usage" && shadow.tokenSource === "usage",
    ),
    promptBytes: column(({ sample }) => sample.primary.promptBytes),
    lag: column(({ sample }) => sample.lag ?? null),
  };
}

function isJudged({ baseline, shadow }: PairRow): boolean {
  const isKnown = baseline.class !== null && shadow.class !== null;
  return isKnown && !isCensored(baseline.class) && !isCensored(shadow.class);
}

function isUsed({ baseline, shadow }: PairRow): boolean {
  const isFirstTry = (baseline.attempts ?? 1) <= 1 && (shadow.attempts ?? 1) <= 1;
  return (
    baseline.class === "ok" &&
    shadow.class === "ok" &&
    isFirstTry &&
    baseline.stream === shadow.stream
  );
}

/** Tokens counted in two ways do not compare; then time per character stands in. */
function perToken({ baseline, shadow }: PairRow, leg: SampleLeg): number | null {
  if (baseline.tokenSource === shadow.tokenSource) return leg.tpot;
  const hasChars = (baseline.tpoc ?? null) !== null && (shadow.tpoc ?? null) !== null;
  return hasChars ? (leg.tpoc ?? null) : null;
}

function lengthOf({ baseline, shadow }: PairRow, leg: SampleLeg): number | null {
  const isComparable = baseline.tokenSource === shadow.tokenSource && leg.outTokens !== null;
  const length = isComparable ? leg.outTokens : leg.outChars;
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
