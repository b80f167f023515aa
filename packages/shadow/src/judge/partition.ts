import type { Sample, SampleLeg } from "../samples/sample.ts";
import type { EvaluationInput } from "./input.ts";
import { type PairTable, TableBuilder } from "./table.ts";

/** Samples by what became of them. */
export interface Partition {
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Where judging begins: behind the warm-up. */
  readonly judgedFromMs: number;
  /** Pairs from there on. */
  readonly table: PairTable;
  /** Latency of primaries, mirrored and not, for primary protection. */
  readonly primaries: Primaries;
  readonly counts: {
    readonly samples: number;
    readonly mirrored: number;
    readonly paired: number;
    /** Mirrored, and no twin ever came. */
    readonly lost: number;
    /** Pairs before judging begins. */
    readonly warmup: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
  /** Logarithms of body sizes of mirrored and of dropped requests. */
  readonly keptSize: Mean;
  readonly droppedSize: Mean;
  readonly route: string;
  readonly candidate: string;
}

/** By index: time of dispatch, whether it was mirrored, and latency in ms. */
export interface Primaries {
  readonly atMs: number[];
  readonly isMirrored: boolean[];
  readonly latencyMs: number[];
}

export interface Mean {
  readonly n: number;
  readonly mean: number;
}

export function partition({ samples, control, config, facts = {} }: EvaluationInput): Partition {
  const baselines = control === undefined ? undefined : controlLegs(control);
  const since = facts.startedAtMs ?? Number.NEGATIVE_INFINITY;
  const table = new TableBuilder();
  const primaries: Primaries = { atMs: [], isMirrored: [], latencyMs: [] };
  const dropped: Record<string, number> = {};
  const [keptSize, droppedSize] = [runningMean(), runningMean()];
  let [mirrored, paired, counted] = [0, 0, 0];
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  let [route, candidate] = ["", ""];
  for (const sample of samples) {
    const { t0, primary, drop, shadow } = sample;
    if (counted === 0) [route, candidate] = [sample.route, sample.candidate];
    if (t0 < since) continue;
    counted++;
    first = Math.min(first, t0);
    last = Math.max(last, t0);
    if (drop !== null) dropped[drop] = (dropped[drop] ?? 0) + 1;
    if (sample.mirrored) mirrored++;
    if (shadow !== null) paired++;
    if (sample.mirrored) keptSize.add(primary.promptBytes);
    else if (drop !== null) droppedSize.add(primary.promptBytes);
    addPrimary(primaries, sample);
    const baseline = baselines === undefined ? primary : baselines.get(sample.id);
    if (shadow !== null && baseline !== undefined) table.add(sample, baseline, shadow);
  }
  const startedAtMs = facts.startedAtMs ?? (counted === 0 ? 0 : first);
  const judgedFromMs = startedAtMs + config.warmupMs;
  return {
    startedAtMs,
    nowMs: Math.max(startedAtMs, facts.nowMs ?? last),
    judgedFromMs,
    table: table.build(judgedFromMs),
    primaries,
    counts: { samples: counted, mirrored, paired, lost: mirrored - paired, warmup: 0, dropped },
    keptSize: keptSize.result(),
    droppedSize: droppedSize.result(),
    route,
    candidate,
  };
}

function addPrimary(to: Primaries, { t0, mirrored, primary }: Sample): void {
  const latency = primary.stream === true ? primary.ttft : primary.e2e;
  if (primary.class !== "ok" || latency === null || latency <= 0) return;
  to.atMs.push(t0);
  to.isMirrored.push(mirrored);
  to.latencyMs.push(latency);
}

function controlLegs(control: Iterable<Sample>): ReadonlyMap<string, SampleLeg> {
  const legs = new Map<string, SampleLeg>();
  for (const { id, shadow } of control) if (shadow !== null) legs.set(id, shadow);
  return legs;
}

function runningMean() {
  let [n, sum] = [0, 0];
  return {
    add(bytes: number | null) {
      if (bytes === null || bytes <= 0) return;
      n++;
      sum += Math.log(bytes);
    },
    result: (): Mean => ({ n, mean: n === 0 ? Number.NaN : sum / n }),
  };
}
