import type { Sample, SampleLeg } from "../samples/sample.ts";
import { DispatchBuilder, type Dispatches, lossesOf } from "./dispatches.ts";
import type { EvaluationInput } from "./input.ts";
import { type ControlAnswer, OutputBuilder, type OutputPairs } from "./output-pairs.ts";
import { type PairTable, TableBuilder } from "./table.ts";

/** Samples grouped by their outcome. */
export interface Partition {
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Start of the judged time, after the warm-up. */
  readonly judgedFromMs: number;
  /** Pairs from there on. */
  readonly table: PairTable;
  /** What the answers say, from there on; undefined if the samples do not tell. */
  readonly outputs: OutputPairs | undefined;
  /** Latency of primaries, mirrored and not, for primary protection. */
  readonly primaries: Primaries;
  readonly counts: {
    readonly samples: number;
    readonly mirrored: number;
    readonly paired: number;
    /** Mirrored requests whose twin was sent and never arrived. */
    readonly lost: number;
    /** Mirrored requests whose twin the gateway never sent. */
    readonly unsent: number;
    readonly unmeasured: number;
    /** Pairs before the judged time. */
    readonly warmup: number;
    /** Pairs after the warm-up that are not used, by reason. */
    readonly not_used: Readonly<Record<string, number>>;
    readonly dropped: Readonly<Record<string, number>>;
  };
  /** Outcome of requests that were drawn for mirroring. */
  readonly dispatches: Dispatches;
  readonly route: string;
  readonly candidate: string;
}

/**
 * Mirrored and not drawn requests, by index: dispatch time, whether mirrored, latency in ms, hash of the session, body
 * size.
 */
export interface Primaries {
  readonly atMs: number[];
  readonly isMirrored: boolean[];
  readonly latencyMs: number[];
  readonly session: (string | null)[];
  readonly promptBytes: (number | null)[];
}

export function partition({ samples, control, config, facts = {} }: EvaluationInput): Partition {
  const answers = control === undefined ? undefined : controlAnswers(control);
  const own = new Lanes();
  const isFull = (config.controlPercent ?? 100) === 100;
  const againstControl = answers === undefined || !isFull ? undefined : new Lanes();
  const since = facts.startedAtMs ?? Number.NEGATIVE_INFINITY;
  const outputs = new OutputBuilder();
  const primaries: Primaries = {
    ...{ atMs: [], isMirrored: [], latencyMs: [], session: [], promptBytes: [] },
  };
  const dropped: Record<string, number> = {};
  let [mirrored, paired, counted] = [0, 0, 0];
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [route, candidate] = ["", ""];
  for (const sample of samples) {
    const { t0, drop, shadow } = sample;
    if (counted === 0) [route, candidate] = [sample.route, sample.candidate];
    if (t0 < since) continue;
    counted++;
    first = Math.min(first, t0);
    last = Math.max(last, t0);
    if (drop !== null) dropped[drop] = (dropped[drop] ?? 0) + 1;
    if (sample.mirrored) mirrored++;
    if (shadow !== null) paired++;
    addPrimary(primaries, sample);
    const again = answers?.get(sample.id);
    outputs.add(sample, again);
    own.add(sample, sample.primary);
    againstControl?.add(sample, again?.leg);
  }
  // A control of few of the requests tells how far the primary agrees with itself. The other pairs count all the same.
  const { table, dispatches } =
    againstControl !== undefined && 2 * againstControl.pairs >= own.pairs ? againstControl : own;
  const startedAtMs = facts.startedAtMs ?? (counted === 0 ? 0 : first);
  const judgedFromMs = startedAtMs + config.warmupMs;
  return {
    startedAtMs,
    nowMs: Math.max(startedAtMs, facts.nowMs ?? last),
    judgedFromMs,
    table: table.build(judgedFromMs),
    outputs: outputs.build(judgedFromMs),
    primaries,
    counts: {
      ...{ samples: counted, mirrored, paired, dropped },
      ...lossesOf(dispatches, judgedFromMs),
    },
    dispatches,
    route,
    candidate,
  };
}

/** Pairs of the shadow with one other lane, and the outcome of each request that was drawn. */
class Lanes {
  readonly table = new TableBuilder();
  readonly dispatches = new DispatchBuilder();
  pairs = 0;

  add(sample: Sample, baseline: SampleLeg | undefined): void {
    const { shadow } = sample;
    this.dispatches.add(sample, baseline);
    if (baseline === undefined) return;
    if (shadow !== null) {
      this.pairs++;
      this.table.add(sample, baseline, shadow);
    } else if (isLost(sample)) this.table.addLost(sample, baseline);
  }
}

/** The gateway sent the twin, but there was no answer. */
function isLost({ mirrored, shadow, unsent, unmeasured }: Sample): boolean {
  return mirrored && shadow === null && unsent !== true && unmeasured !== true;
}

/** Dropped requests are neither kind, because they are sent at busy times or are large. */
function addPrimary(to: Primaries, { t0, mirrored, drop, session, primary }: Sample): void {
  const latency = primary.stream === true ? primary.ttft : primary.e2e;
  if (drop !== null || primary.class !== "ok" || latency === null || latency <= 0) return;
  to.atMs.push(t0);
  to.isMirrored.push(mirrored);
  to.latencyMs.push(latency);
  to.session.push(session);
  to.promptBytes.push(primary.promptBytes);
}

function controlAnswers(control: Iterable<Sample>): ReadonlyMap<string, ControlAnswer> {
  const answers = new Map<string, ControlAnswer>();
  for (const { id, shadow, cmp, judged } of control) {
    if (shadow === null) continue;
    const isCompared = shadow.class === "ok" && cmp?.why === null;
    answers.set(id, { leg: shadow, agreement: isCompared ? cmp : undefined, judged });
  }
  return answers;
}
