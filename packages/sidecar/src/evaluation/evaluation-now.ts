import { costLabel, gpusLabel, type LanePrice } from "@umbra/envoy-config";
import type { LaneFacts } from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import type { MirrorGate } from "../mirror/mirror-gate.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import type { LoadCount, LoadMark } from "./load-count.ts";
import type { EvaluationNow } from "./worker-messages.ts";

/** A running evaluation, as the picking thread knows it. */
export interface EvaluationState {
  readonly gate: MirrorGate;
  /** Names of the primary pools. */
  readonly baseline: readonly string[];
  /** Undefined for an evaluation that runs since the start of the process. */
  readonly since: LoadMark | undefined;
}

export interface NowSources {
  readonly pools: PoolRegistry;
  readonly load: LoadCount;
  readonly captured: () => number;
  /** Monotonic, in ms since the process started. */
  readonly now: () => number;
}

const pauseTexts = {
  paused: "mirroring is paused",
  protection: "mirroring is paused, because it slowed the primary",
  unjudged: "mirroring is paused, because the evaluation stopped",
  stopped: "mirroring was stopped",
} as const;

/** Returns the data of an evaluation that only the picking thread has. */
export function evaluationNow(state: EvaluationState, sources: NowSources): EvaluationNow {
  const { gate, baseline, since } = state;
  const { load, captured, now } = sources;
  const { percent, by, budgetUsed, pausedBy, policy } = gate.state();
  const { cost } = gate.mirror.evaluation;
  const spent = Object.entries(budgetUsed).filter(([, share]) => share >= 1);
  return {
    atMs: performance.timeOrigin + now(),
    counts: gate.counts(),
    loadRatio: load.ratio(baseline, gate.candidate, since),
    peakPerSecond: load.peakPerSecond(baseline),
    startedAtMs: sinceEpoch(gate.startedAtMs()),
    isBudgetSpent: spent.length > 0,
    percent,
    by,
    baseline: laneFacts(baseline, { ...sources, since, price: cost?.primary }),
    candidate: laneFacts([gate.candidate], { ...sources, since, price: cost?.shadow }),
    policy,
    policyGeneration: gate.mirror.policy?.generation,
    captured: captured(),
    limitsHit: [
      ...spent.map(([kind]) => `the budget of ${kind} is used up`),
      ...(pausedBy === null ? [] : [pauseTexts[pausedBy]]),
    ],
  };
}

/** Converts from the process's monotonic clock to ms since the epoch. */
function sinceEpoch(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : performance.timeOrigin + ms;
}

interface LaneSources extends Pick<NowSources, "pools" | "load"> {
  readonly since: LoadMark | undefined;
  readonly price: LanePrice | undefined;
}

function laneFacts(
  names: readonly string[],
  { pools, load, since, price }: LaneSources,
): LaneFacts {
  const found = names.flatMap((name) => pools.get(name) ?? []);
  const engines = new Set(found.flatMap(({ engines }) => [...engines.values()]));
  const endpoints = found.flatMap(({ state }) => state.snapshot().endpoints);
  const labels = endpoints[0]?.labels ?? {};
  return {
    pool: names.join(", "),
    models: [...new Set(found.flatMap(({ served }) => [...served.base]))].slice(0, 8),
    replicas: endpoints.length,
    ...defined({
      engine: engines.size === 0 ? undefined : [...engines].toSorted().join(", "),
      gpus: price?.gpus ?? positive(labels[gpusLabel]),
      costPerHour: price?.costPerHour ?? positive(labels[costLabel]),
      load: load.loadOf(names, since),
    }),
  };
}

/** Parses a label, which may have any value. */
function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;
}
