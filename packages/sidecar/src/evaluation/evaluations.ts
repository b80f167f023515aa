import { randomBytes } from "node:crypto";
import {
  baselinePoolsOf,
  costLabel,
  gpusLabel,
  type LanePrice,
  type Topology,
} from "@umbra/envoy-config";
import {
  evaluationConfig,
  type LaneFacts,
  type Leg,
  lostSample,
  pairSample,
  type RecorderObserver,
  type Sample,
  type ShadowReport,
  type UnmirroredFor,
  unmirroredSample,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { pseudonym } from "../mirror/keyed-hash.ts";
import type { MirrorGate } from "../mirror/mirror-gate.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { type JudgeThread, startJudgeThread } from "./judge-thread.ts";
import type { LoadCount } from "./load-count.ts";
import { checkSamplesFile } from "./samples-file.ts";
import type { EvaluationNow, EvaluationSetup, Look, Trouble } from "./worker-messages.ts";

/** Turns what was recorded into samples, and keeps the thread that judges them. */
export interface Evaluations extends RecorderObserver {
  dropped(requestId: string, bodyBytes: number, of: UnmirroredFor): void;
  /** Judged now. */
  reports(): Promise<readonly ShadowReport[]>;
  readonly latest: Look;
  /** While somebody watches, the latest look has pages. */
  watch(isWatched: boolean): void;
  close(): Promise<void>;
}

export interface EvaluationsOptions {
  readonly topology: Topology;
  readonly registry: MirrorRegistry;
  readonly pools: PoolRegistry;
  readonly load: LoadCount;
  /** Of hashes that leave this process. */
  readonly secret: string;
  readonly samplesFile: string | undefined;
  readonly lookEveryMs: number;
  readonly captured: () => number;
  readonly onLook: (reports: readonly ShadowReport[]) => void;
  readonly onTrouble: (trouble: Trouble) => void;
  /** The thread that judges has ended before it was closed. */
  readonly onEnd: () => void;
}

const pauseTexts = {
  paused: "mirroring is paused",
  protection: "mirroring is paused, because it slowed the primary",
  unjudged: "mirroring is paused, because nobody judges it",
  stopped: "mirroring was stopped",
} as const;

/** About 20 MB for each candidate. */
const capacity = 100_000;

/** A new secret: hashes of one process can't be matched with another's. */
export function newSecret(): string {
  return randomBytes(16).toString("hex");
}

export function startEvaluations(options: EvaluationsOptions): Evaluations {
  const { registry, secret } = options;
  let latest: Look = { reports: [], pages: new Map() };
  const onLook = (look: Look) => {
    latest = look;
    options.onLook(look.reports);
  };
  // A topology without a mirror needs no thread.
  const thread = registry.gates.length === 0 ? undefined : startThread(options, onLook);

  function add(mirror: string, make: (gate: MirrorGate) => Sample): void {
    const gate = registry.gateOf(mirror);
    if (gate !== undefined) thread?.add(gate.key, make(gate));
  }

  const frame = ({ route, candidate }: MirrorGate, { requestId, t0, session }: Leg) => ({
    ...{ id: pseudonym(secret, requestId), t0: performance.timeOrigin + t0, route, candidate },
    ...(session === undefined ? {} : { session }),
  });

  return {
    paired({ primary, shadow }, mirror) {
      add(mirror, (gate) => pairSample(frame(gate, primary), primary, shadow));
    },
    lost(primary, mirror, twin) {
      add(mirror, (gate) => lostSample(frame(gate, primary), primary, twin));
    },
    unmirrored(primary, { mirror, drop = null }) {
      add(mirror, (gate) => unmirroredSample(frame(gate, primary), primary, drop));
    },
    dropped(requestId, promptBytes, { mirror, drop }) {
      if (drop === undefined || quietDrops.has(drop)) return;
      const id = pseudonym(secret, requestId);
      const t0 = performance.timeOrigin + performance.now();
      add(mirror, ({ route, candidate }) =>
        unmirroredSample({ id, t0, route, candidate }, { promptBytes }, drop),
      );
    },
    reports: () => thread?.reports() ?? Promise.resolve([]),
    get latest() {
      return latest;
    },
    watch: (isWatched) => thread?.watch(isWatched),
    close: () => thread?.close() ?? Promise.resolve(),
  };
}

function startThread(options: EvaluationsOptions, onLook: (look: Look) => void): JudgeThread {
  const { topology, registry, samplesFile, lookEveryMs, onTrouble, onEnd } = options;
  if (samplesFile !== undefined) checkSamplesFile(samplesFile);
  const judged = new Map(registry.gates.toReversed().map((gate) => [gate.key, gate]));
  const evaluations = [...judged.values()].map((gate) => setupOf(gate, registry.gates));
  const baselines = new Map(
    registry.gates.map((gate) => [gate.key, baselinePoolsOf(topology, gate.mirror.origin.route)]),
  );
  const nowOfAll = () =>
    [...judged].map(
      ([key, gate]) => [key, nowOf(gate, baselines.get(key) ?? [], options)] as const,
    );
  return startJudgeThread({
    setup: { evaluations, samplesFile, capacity, lookEveryMs },
    now: () => Object.fromEntries(nowOfAll()),
    onLook,
    onTrouble,
    onEnd,
  });
}

function nowOf(
  gate: MirrorGate,
  baseline: readonly string[],
  { load, pools, captured }: EvaluationsOptions,
): EvaluationNow {
  const { percent, by, budgetUsed, pausedBy, policy } = gate.state();
  const spent = Object.entries(budgetUsed).filter(([, share]) => share >= 1);
  return {
    atMs: performance.timeOrigin + performance.now(),
    counts: gate.counts(),
    loadRatio: load.ratio(baseline, gate.candidate),
    peakPerSecond: load.peakPerSecond(baseline),
    startedAtMs: sinceEpoch(gate.startedAtMs()),
    isBudgetSpent: spent.length > 0,
    percent,
    by,
    baseline: laneFacts(baseline, { pools, load, price: gate.mirror.evaluation.cost?.primary }),
    candidate: laneFacts([gate.candidate], {
      pools,
      load,
      price: gate.mirror.evaluation.cost?.shadow,
    }),
    policy,
    captured: captured(),
    limitsHit: [
      ...spent.map(([kind]) => `the budget of ${kind} is used up`),
      ...(pausedBy === null ? [] : [pauseTexts[pausedBy]]),
    ],
  };
}

/** From the process's own clock. */
function sinceEpoch(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : performance.timeOrigin + ms;
}

interface LaneSources extends Pick<EvaluationsOptions, "pools" | "load"> {
  readonly price: LanePrice | undefined;
}

function laneFacts(names: readonly string[], { pools, load, price }: LaneSources): LaneFacts {
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
      load: load.loadOf(names),
    }),
  };
}

/** Of a label that anybody may have written. */
function positive(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;
}

/** Drops that go on as long as the traffic does: they are counted, and not written one by one. */
const quietDrops: ReadonlySet<string> = new Set([
  "paused",
  "protection",
  "requests",
  "tokens",
  "duration",
  "breaker",
]);

function setupOf(gate: MirrorGate, gates: readonly MirrorGate[]): EvaluationSetup {
  const { key, route, candidate, mirror } = gate;
  const { role } = mirror;
  const control = gates.find(
    (each) => each.route === route && each.mirror.role === "control" && each.key !== key,
  );
  return {
    key,
    route,
    candidate,
    role,
    controlKey: role === "candidate" ? control?.key : undefined,
    config: evaluationConfig(mirror.evaluation),
  };
}
