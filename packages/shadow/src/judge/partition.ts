import type { Sample, SampleLeg } from "../samples/sample.ts";
import type { EvaluationInput } from "./input.ts";
import type { PairRow } from "./table.ts";

/** Samples by what became of them. */
export interface Partition {
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Where judging begins: behind the warm-up, and in the last segment. */
  readonly judgedFromMs: number;
  /** Pairs from there on. */
  readonly rows: readonly PairRow[];
  /** Mirrored and not mirrored primaries from there on, for primary protection. */
  readonly primaries: readonly Sample[];
  readonly counts: {
    readonly samples: number;
    readonly mirrored: number;
    readonly paired: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
  /** Logarithms of body sizes of mirrored and of dropped requests. */
  readonly keptSize: Mean;
  readonly droppedSize: Mean;
  readonly route: string;
  readonly candidate: string;
}

export interface Mean {
  readonly n: number;
  readonly mean: number;
}

/** Sorts the samples of one candidate. */
export function partition({ samples, control, config, facts = {} }: EvaluationInput): Partition {
  const all = [...samples];
  const baselines = control === undefined ? undefined : controlLegs(control);
  const startedAtMs = facts.startedAtMs ?? least(all);
  const nowMs = facts.nowMs ?? most(all, startedAtMs);
  const judgedFromMs = Math.max(
    startedAtMs + config.warmupMs,
    facts.segments?.at(-1)?.startedAtMs ?? startedAtMs,
  );
  const rows: PairRow[] = [];
  const primaries: Sample[] = [];
  const dropped: Record<string, number> = {};
  const [keptSize, droppedSize] = [runningMean(), runningMean()];
  let [mirrored, paired, counted] = [0, 0, 0];
  for (const sample of all) {
    if (sample.t0 < startedAtMs) continue;
    counted++;
    const bytes = sample.primary.promptBytes;
    if (sample.drop !== null) dropped[sample.drop] = (dropped[sample.drop] ?? 0) + 1;
    if (sample.mirrored) mirrored++;
    if (sample.shadow !== null) paired++;
    if (sample.mirrored) keptSize.add(bytes);
    else if (sample.drop !== null) droppedSize.add(bytes);
    if (sample.t0 < judgedFromMs) continue;
    primaries.push(sample);
    const baseline = baselines === undefined ? sample.primary : baselines.get(sample.id);
    if (sample.shadow !== null && baseline !== undefined) {
      rows.push({ sample, baseline, shadow: sample.shadow });
    }
  }
  return {
    startedAtMs,
    nowMs,
    judgedFromMs,
    rows,
    primaries,
    counts: { samples: counted, mirrored, paired, dropped },
    keptSize: keptSize.result(),
    droppedSize: droppedSize.result(),
    route: all[0]?.route ?? "",
    candidate: all[0]?.candidate ?? "",
  };
}

function controlLegs(control: Iterable<Sample>): ReadonlyMap<string, SampleLeg> {
  const legs = new Map<string, SampleLeg>();
  for (const { id, shadow } of control) if (shadow !== null) legs.set(id, shadow);
  return legs;
}

function least(samples: readonly Sample[]): number {
  return samples.reduce((least, { t0 }) => Math.min(least, t0), samples[0]?.t0 ?? 0);
}

function most(samples: readonly Sample[], from: number): number {
  return samples.reduce((most, { t0 }) => Math.max(most, t0), from);
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
