import { isCensored } from "../measure/leg.ts";
import type { RequestKind } from "../measure/request-kind.ts";
import type { Sample, SampleLeg } from "../samples/sample.ts";
import type { EvaluationConfig } from "./config.ts";
import { numbersAt } from "./numbers.ts";

const times = ["ttft", "ttfo", "tpot", "e2e", "stall", "cut"] as const;
const sizes = ["length", "promptTokens", "cachedTokens", "outTokens"] as const;
const pairNumbers = ["atMs", "promptBytes", "lag"] as const;
const kindNames = ["model", "path", "shape", "priority"] as const;
const pairFlags = ["isJudged", "isUsed", "isTimed", "isLost", "isStream", "isUsage"] as const;

type LaneNumber = (typeof times)[number] | (typeof sizes)[number];
type PairNumber = (typeof pairNumbers)[number];
type KindName = (typeof kindNames)[number];
type PairFlag = (typeof pairFlags)[number];

/** A lane's numbers for all pairs, by index; NaN if unknown. */
export interface LaneColumns extends Readonly<Record<LaneNumber, Float64Array>> {
  readonly isOk: Uint8Array;
  readonly classes: readonly string[];
  readonly finish: readonly string[];
  /** `ip:port`, or empty if unknown. */
  readonly endpoints: readonly string[];
}

/**
 * Pairs in order of dispatch, as columns. `atMs` is in ms since the epoch. `isJudged`: both legs ended on their own;
 * neither was cut short from outside. `isUsed`: both legs are ok, of the same kind and with one attempt, so latency can
 * be compared. `isTimed`: like `isUsed`, but a leg may have been cut short from outside; what it did before counts.
 * `isLost`: the twin never arrived.
 */
export interface PairTable
  extends Readonly<Record<PairNumber, Float64Array>>,
    Readonly<Record<PairFlag, Uint8Array>> {
  readonly size: number;
  /** Kind of each request; empty if unknown. */
  readonly kinds: Readonly<Record<KindName, readonly string[]>>;
  readonly baseline: LaneColumns;
  readonly shadow: LaneColumns;
}

/**
 * Collects pairs one by one and keeps only their numbers, because hundreds of thousands of sample objects would take
 * too much memory.
 */
export class TableBuilder {
  readonly #numbers = columnsOf(pairNumbers);
  readonly #flags = columnsOf(pairFlags);
  readonly #ids: string[] = [];
  readonly #kinds: (RequestKind | undefined)[] = [];
  readonly #baseline = new LaneBuilder();
  readonly #shadow = new LaneBuilder();

  add(sample: Sample, baseline: SampleLeg, shadow: SampleLeg): void {
    const { id, t0: atMs, lag, primary } = sample;
    this.#ids.push(id);
    this.#kinds.push(sample.request ?? undefined);
    this.#addNumbers(atMs, lag, primary.promptBytes);
    const flags = this.#flags;
    flags.isJudged.push(Number(isJudged(baseline, shadow)));
    flags.isUsed.push(Number(isUsed(baseline, shadow)));
    flags.isTimed.push(Number(isTimed(baseline, shadow)));
    flags.isLost.push(0);
    flags.isStream.push(Number(baseline.stream === true));
    flags.isUsage.push(Number(baseline.tokenSource === "usage" && shadow.tokenSource === "usage"));
    const isOneWay = baseline.tokenSource === shadow.tokenSource;
    const hasChars = (baseline.tpoc ?? null) !== null && (shadow.tpoc ?? null) !== null;
    this.#baseline.add(baseline, isOneWay, hasChars);
    this.#shadow.add(shadow, isOneWay, hasChars);
  }

  /** Adds a mirrored request whose twin never arrived, which counts as a failure of the shadow. */
  addLost(sample: Sample, baseline: SampleLeg): void {
    const { id, t0: atMs, lag, primary } = sample;
    const isCut = baseline.class === null || isCensored(baseline.class);
    this.#ids.push(id);
    this.#kinds.push(sample.request ?? undefined);
    this.#addNumbers(atMs, lag, primary.promptBytes);
    const flags = this.#flags;
    flags.isJudged.push(Number(!isCut));
    flags.isUsed.push(0);
    flags.isTimed.push(Number((isCut && baseline.class !== null) || baseline.class === "ok"));
    flags.isLost.push(1);
    flags.isStream.push(Number(baseline.stream === true));
    flags.isUsage.push(0);
    this.#baseline.add(baseline, true, false);
    this.#shadow.addLost();
  }

  #addNumbers(atMs: number, lag: number | null | undefined, promptBytes: number | null): void {
    this.#numbers.atMs.push(atMs);
    this.#numbers.lag.push(lag ?? Number.NaN);
    this.#numbers.promptBytes.push(promptBytes ?? Number.NaN);
  }

  /** Number of pairs before `fromMs`. */
  countBefore(fromMs: number): number {
    return this.#numbers.atMs.filter((at) => at < fromMs).length;
  }

  /** Pairs from `fromMs` on, in order of dispatch. */
  build(fromMs: number): PairTable {
    const at = this.#numbers.atMs;
    const ids = this.#ids;
    const order = Array.from(at, (_, index) => index)
      .filter((index) => (at[index] ?? 0) >= fromMs)
      .sort((a, b) => (at[a] ?? 0) - (at[b] ?? 0) || ((ids[a] ?? "") < (ids[b] ?? "") ? -1 : 1));
    return {
      size: order.length,
      ...picked(this.#numbers, (of) => numbersAt(order, (i) => of[i] ?? Number.NaN)),
      ...picked(this.#flags, (of) => flagsAt(order, of)),
      kinds: Object.fromEntries(
        kindNames.map((name) => [name, order.map((i) => this.#kinds[i]?.[name] ?? "")]),
      ) as Record<KindName, string[]>,
      baseline: this.#baseline.build(order),
      shadow: this.#shadow.build(order),
    };
  }
}

class LaneBuilder {
  readonly #numbers = columnsOf([...times, ...sizes]);
  readonly #isOk: number[] = [];
  readonly #classes: string[] = [];
  readonly #finish: string[] = [];
  readonly #endpoints: string[] = [];

  add(leg: SampleLeg, isOneWay: boolean, hasChars: boolean): void {
    // Tokens that were counted in different ways can't be compared; time per character is used instead.
    const tpot = isOneWay ? leg.tpot : hasChars ? (leg.tpoc ?? null) : null;
    const of = this.#numbers;
    of.ttft.push(leg.ttft ?? Number.NaN);
    of.ttfo.push(leg.ttfo ?? Number.NaN);
    of.tpot.push(tpot ?? Number.NaN);
    of.e2e.push(leg.e2e ?? Number.NaN);
    of.stall.push(leg.stall ?? Number.NaN);
    of.cut.push(leg.cut ?? Number.NaN);
    of.length.push(lengthOf(leg, isOneWay) ?? Number.NaN);
    of.promptTokens.push(leg.promptTokens ?? Number.NaN);
    of.cachedTokens.push(leg.cachedTokens ?? Number.NaN);
    of.outTokens.push(leg.outTokens ?? Number.NaN);
    this.#isOk.push(Number(leg.class === "ok"));
    this.#classes.push(leg.class ?? "unknown");
    this.#finish.push(leg.finish ?? "none");
    this.#endpoints.push(leg.endpoint ?? "");
  }

  addLost(): void {
    for (const column of Object.values<number[]>(this.#numbers)) column.push(Number.NaN);
    this.#isOk.push(0);
    this.#classes.push("lost");
    this.#endpoints.push("");
    this.#finish.push("none");
  }

  build(order: readonly number[]): LaneColumns {
    return {
      ...picked(this.#numbers, (of) => numbersAt(order, (i) => of[i] ?? Number.NaN)),
      isOk: flagsAt(order, this.#isOk),
      classes: order.map((i) => this.#classes[i] ?? "unknown"),
      finish: order.map((i) => this.#finish[i] ?? "none"),
      endpoints: order.map((i) => this.#endpoints[i] ?? ""),
    };
  }
}

function flagsAt(order: readonly number[], flags: readonly number[]): Uint8Array {
  const found = new Uint8Array(order.length);
  for (let at = 0; at < order.length; at++) found[at] = flags[order[at] ?? 0] ?? 0;
  return found;
}

type Columns<Name extends string> = Readonly<Record<Name, number[]>>;

function columnsOf<Name extends string>(names: readonly Name[]): Columns<Name> {
  return Object.fromEntries(names.map((name) => [name, []])) as unknown as Columns<Name>;
}

function picked<Name extends string, Column>(
  columns: Columns<Name>,
  pick: (of: readonly number[]) => Column,
): Record<Name, Column> {
  const entries = Object.entries<number[]>(columns).map(([name, of]) => [name, pick(of)]);
  return Object.fromEntries(entries) as Record<Name, Column>;
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

/** True if the legs can be compared up to where one of them was cut short. */
function isTimed(baseline: SampleLeg, shadow: SampleLeg): boolean {
  const isFirstTry = (baseline.attempts ?? 1) <= 1 && (shadow.attempts ?? 1) <= 1;
  const isWell = ({ class: found }: SampleLeg) =>
    found === "ok" || (found !== null && isCensored(found));
  return isFirstTry && isWell(baseline) && isWell(shadow) && baseline.stream === shadow.stream;
}

function lengthOf(leg: SampleLeg, isOneWay: boolean): number | null {
  const length = isOneWay && leg.outTokens !== null ? leg.outTokens : leg.outChars;
  return length === null || length <= 0 ? null : length;
}

export function indicesOf(table: PairTable, keep: (index: number) => boolean): Uint32Array {
  const kept: number[] = [];
  for (let i = 0; i < table.size; i++) if (keep(i)) kept.push(i);
  return Uint32Array.from(kept);
}

/** Number of flags that are set. */
export function countOf(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

/** True if the request succeeded and kept every SLO that is set and applies to it. */
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
