import { randomBytes } from "node:crypto";
import { baselinePoolsOf, type Topology } from "@umbra/envoy-config";
import {
  evaluationConfig,
  type Leg,
  lostSample,
  pairSample,
  type RecorderObserver,
  type SampleFrame,
  type ShadowReport,
  type UnmirroredFor,
  unmirroredSample,
} from "@umbra/shadow";
import { pseudonym } from "../mirror/keyed-hash.ts";
import type { MirrorGate } from "../mirror/mirror-gate.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { type JudgeThread, startJudgeThread } from "./judge-thread.ts";
import type { LoadCount } from "./load-count.ts";
import type { EvaluationNow, EvaluationSetup, Look } from "./worker-messages.ts";

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
  readonly onTrouble: (text: string) => void;
}

const pauseTexts = {
  paused: "mirroring is paused",
  protection: "mirroring is paused, because it slowed the primary",
  stopped: "mirroring was stopped",
} as const;

/** About 20 MB for each candidate. */
const capacity = 100_000;

/** A new secret: hashes of one process can't be matched with another's. */
export function newSecret(): string {
  return randomBytes(16).toString("hex");
}

export function startEvaluations(options: EvaluationsOptions): Evaluations {
  const { topology, registry, pools, load, secret, captured, samplesFile, lookEveryMs } = options;
  const judged = new Map(registry.gates.toReversed().map((gate) => [gate.key, gate]));
  const setups = [...judged.values()].map((gate) => setupOf(gate, registry.gates));
  let latest: Look = { reports: [], pages: new Map() };
  let thread: JudgeThread | undefined;
  const baselines = new Map(
    registry.gates.map((gate) => [gate.key, baselinePoolsOf(topology, gate.mirror.origin.route)]),
  );

  function start(): JudgeThread {
    return startJudgeThread({
      setup: { evaluations: setups, samplesFile, capacity, lookEveryMs },
      now: () => Object.fromEntries([...judged].map(([key, gate]) => [key, nowOf(gate)])),
      onLook(look) {
        latest = look;
        options.onLook(look.reports);
      },
      onTrouble: options.onTrouble,
    });
  }

  function nowOf(gate: MirrorGate): EvaluationNow {
    const { percent, by, budgetUsed, pausedBy } = gate.state();
    const names = baselines.get(gate.key) ?? [];
    const spent = Object.entries(budgetUsed).filter(([, share]) => share >= 1);
    return {
      counts: gate.counts(),
      loadRatio: load.ratio(names, gate.candidate),
      isBudgetSpent: spent.length > 0,
      percent,
      by,
      baseline: lane(names),
      candidate: lane([gate.candidate]),
      captured: captured(),
      limitsHit: [
        ...spent.map(([kind]) => `the budget of ${kind} is used up`),
        ...(pausedBy === null ? [] : [pauseTexts[pausedBy]]),
      ],
    };
  }

  function lane(names: readonly string[]) {
    const found = names.flatMap((name) => pools.get(name) ?? []);
    return {
      pool: names.join(", "),
      models: [...new Set(found.flatMap(({ served }) => [...served.base]))].slice(0, 8),
      replicas: found.reduce((sum, { state }) => sum + state.snapshot().endpoints.length, 0),
    };
  }

  function frame(gate: MirrorGate, primary: Leg): SampleFrame {
    return {
      id: pseudonym(secret, primary.requestId),
      t0: performance.timeOrigin + primary.t0,
      route: gate.route,
      candidate: gate.candidate,
      ...(primary.session === undefined ? {} : { session: primary.session }),
    };
  }

  function add(gate: MirrorGate, sample: ReturnType<typeof pairSample>): void {
    // A topology without a mirror needs no thread.
    thread ??= start();
    thread.add(gate.key, sample);
  }

  if (registry.gates.length > 0) thread = start();

  return {
    paired({ primary, shadow }, mirror) {
      const gate = registry.gateOf(mirror);
      if (gate !== undefined) add(gate, pairSample(frame(gate, primary), primary, shadow));
    },
    lost(primary, mirror) {
      const gate = registry.gateOf(mirror);
      if (gate !== undefined) add(gate, lostSample(frame(gate, primary), primary));
    },
    unmirrored(primary, { mirror, drop }) {
      const gate = registry.gateOf(mirror);
      if (gate !== undefined) {
        add(gate, unmirroredSample(frame(gate, primary), primary, drop ?? null));
      }
    },
    dropped(requestId, promptBytes, { mirror, drop }) {
      const gate = registry.gateOf(mirror);
      if (gate === undefined || drop === undefined || quietDrops.has(drop)) return;
      const { route, candidate } = gate;
      const id = pseudonym(secret, requestId);
      const t0 = performance.timeOrigin + performance.now();
      add(gate, unmirroredSample({ id, t0, route, candidate }, { promptBytes }, drop));
    },
    reports: () => thread?.reports() ?? Promise.resolve([]),
    get latest() {
      return latest;
    },
    watch: (isWatched) => thread?.watch(isWatched),
    close: () => thread?.close() ?? Promise.resolve(),
  };
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
