import { randomBytes } from "node:crypto";
import type { Topology } from "@umbra/envoy-config";
import {
  type Leg,
  type LostTwin,
  lostSample,
  type Pair,
  pairSample,
  type RecorderObserver,
  type Sample,
  type ShadowReport,
  type UnmirroredFor,
  unmirroredSample,
} from "@umbra/shadow";
import type { TakenPair } from "../answers/text-places.ts";
import type { Judges } from "../judge-model/judges.ts";
import { evaluationKey } from "../mirror/evaluation-key.ts";
import { pseudonym } from "../mirror/keyed-hash.ts";
import type { MirrorGate } from "../mirror/mirror-gate.ts";
import type { MirrorRegistry } from "../mirror/mirror-registry.ts";
import type { Unmirrored } from "../requests/live-request.ts";
import type { EvaluatedRequest } from "./evaluated-request.ts";
import { evaluationNow, type NowSources } from "./evaluation-now.ts";
import { type JudgeThread, type JudgeThreadOptions, startJudgeThread } from "./judge-thread.ts";
import {
  nextEvaluations,
  type RunningEvaluation,
  type RunningEvaluations,
} from "./running-evaluations.ts";
import { checkSamplesFile } from "./samples-file.ts";
import type {
  Analysis,
  EvaluationNow,
  PoolingAnswers,
  PoolingCall,
  Trouble,
} from "./worker-messages.ts";

/** Converts recorded pairs into samples, and runs the thread that evaluates them. */
export interface Evaluations extends RecorderObserver<EvaluatedRequest> {
  dropped(requestId: string, bodyBytes: number, of: Unmirrored): void;
  /**
   * Begins the evaluations that the topology needs. Call it after the registry has begun. An evaluation continues if what
   * it compares and its configuration are the same. Otherwise a new one begins, and the report of the old one is kept.
   */
  begin(topology: Topology): void;
  /** Ends the evaluations of mirrors that the registry has removed. */
  retire(): void;
  /** Evaluates and returns the current reports. */
  reports(): Promise<readonly ShadowReport[]>;
  /** The last reports of the latest closed evaluations, newest first. */
  readonly closedReports: readonly ShadowReport[];
  readonly latest: Analysis;
  /** Watching enables the rendering of pages for each analysis. */
  watch(isWatched: boolean): void;
  /** Asks about samples that peers exchange; undefined if nothing is evaluated. Rejects if the thread has ended. */
  ask<Call extends PoolingCall>(about: Call): Promise<PoolingAnswers[Call["call"]] | undefined>;
  close(): Promise<void>;
}

export interface EvaluationsOptions extends NowSources {
  readonly topology: Topology;
  readonly registry: MirrorRegistry;
  /** Judge models; absent: none is asked. */
  readonly judges?: Pick<Judges, "ask" | "restart" | "keepFor">;
  /** Key of hashes that leave this process. */
  readonly secret: string;
  readonly samplesFile: string | undefined;
  readonly evaluateEveryMs: number;
  readonly onAnalysis: (reports: readonly ShadowReport[]) => void;
  readonly onTrouble: (trouble: Trouble) => void;
  /** Called if the evaluation thread ended before `close`, and when evaluations begin afterwards. */
  readonly onEnd: () => void;
  /** Starts the evaluation thread; by default, from its own file. */
  readonly start?: (options: JudgeThreadOptions) => JudgeThread;
}

/** About 20 MB per candidate. */
const capacity = 100_000;

/** Creates a new key, so that hashes of different processes can't be matched. */
export function newSecret(): string {
  return randomBytes(16).toString("hex");
}

export function startEvaluations(options: EvaluationsOptions): Evaluations {
  const { samplesFile, registry, topology } = options;
  // Later, a samples file that can't be written is only reported: mirroring continues.
  if (samplesFile !== undefined && registry.judged.size > 0) checkSamplesFile(samplesFile);
  const evaluations = new JudgedMirrors(options);
  evaluations.begin(topology);
  return evaluations;
}

class JudgedMirrors implements Evaluations {
  readonly #options: EvaluationsOptions;
  #running: RunningEvaluations = new Map();
  /** Undefined until the first mirror comes. */
  #thread: JudgeThread | undefined = undefined;
  #hasBegun = false;
  latest: Analysis = { reports: [], pages: new Map() };
  closedReports: readonly ShadowReport[] = [];

  constructor(options: EvaluationsOptions) {
    this.#options = options;
  }

  begin(topology: Topology): void {
    const { registry, load, judges } = this.#options;
    const before = this.#running;
    const start = this.#hasBegun
      ? { fromMs: Math.floor(this.#epochMs()), since: load.mark() }
      : { fromMs: 0, since: undefined };
    this.#hasBegun = true;
    const next = nextEvaluations(topology, registry, { before, start });
    // Candidates first: a candidate closes with the control that it had.
    const changed = [...next.values()]
      .filter(({ setup }) => before.get(setup.key)?.setup !== setup)
      .toSorted(byRole);
    const last = new Map(changed.map(({ setup: { key } }) => [key, this.#nowOf(key)]));
    // Those that are gone end in `retire`.
    this.#running = new Map([...before, ...next]);
    judges?.keepFor(
      new Set([...next.values()].flatMap(({ gate }) => gate.mirror.policy?.name ?? [])),
    );
    if (changed.length === 0) return;
    for (const { setup, gate } of changed) {
      gate.restart();
      if (gate.mirror.policy !== undefined) judges?.restart(gate.mirror.policy);
      this.#thread?.begin(setup, last.get(setup.key));
    }
    this.#thread ??= this.#start();
    if (this.#thread.isEnded) this.#options.onEnd();
  }

  retire(): void {
    const { gates, judged } = this.#options.registry;
    const keys = new Set([...judged.keys(), ...gates.map(({ key }) => key)]);
    const gone = [...this.#running.values()].filter(({ gate }) => !keys.has(gate.key));
    if (gone.length === 0) return;
    for (const running of gone.toSorted(byRole)) {
      const last = evaluationNow(running, this.#options);
      this.#thread?.end(running.gate.key, this.#epochMs(), last);
    }
    this.#running = new Map([...this.#running].filter(([key]) => keys.has(key)));
    this.latest = {
      ...this.latest,
      reports: this.latest.reports.filter((report) => this.#isRunning(report)),
    };
  }

  paired(pair: Pair, mirror: string, request: EvaluatedRequest): void {
    const drawn = request.takeDrawn?.(mirror);
    let judging: Promise<unknown> | undefined;
    try {
      judging = this.#addPair(pair, mirror, { request, drawn });
    } finally {
      if (judging === undefined) drawn?.release();
      else void judging.then(drawn?.release, drawn?.release);
    }
  }

  /** Returns what the texts of the drawn pair are held for; undefined if they are not needed. */
  #addPair(
    { primary, shadow }: Pair,
    mirror: string,
    {
      request,
      drawn,
    }: { readonly request: EvaluatedRequest; readonly drawn?: TakenPair | undefined },
  ): Promise<unknown> | undefined {
    const gate = request.gateOf(mirror);
    if (gate === undefined) return undefined;
    if (shadow.pool !== gate.candidate) {
      // An older Envoy sent the twin to the mirror's former pool.
      this.#add(gate, () => lostSample(this.#frame(gate, primary), primary, "unmeasured"));
      return undefined;
    }
    const compared = request.comparisonOf?.(mirror);
    const sample = pairSample(this.#frame(gate, primary), primary, shadow, compared);
    // Only pairs of two good answers have a comparison.
    if (drawn !== undefined && sample.cmp !== undefined) {
      return this.#addJudged(gate, sample, drawn);
    }
    this.#add(gate, () => sample);
    return undefined;
  }

  /** A judge takes seconds, and the sample waits for it: an analysis waits for samples of requests that were sent. */
  #addJudged(gate: MirrorGate, sample: Sample, drawn: TakenPair): Promise<unknown> | undefined {
    const judged = this.#options.judges?.ask(gate.mirror, drawn);
    if (judged instanceof Promise) {
      return judged.then((each) => this.#add(gate, () => ({ ...sample, judged: each })));
    }
    this.#add(gate, () => (judged === undefined ? sample : { ...sample, judged }));
    return undefined;
  }

  lost(primary: Leg, mirror: string, twin: LostTwin, request: EvaluatedRequest): void {
    this.#add(request.gateOf(mirror), (gate) =>
      lostSample(this.#frame(gate, primary), primary, twin),
    );
  }

  unmirrored(primary: Leg, { mirror, drop }: UnmirroredFor, request: EvaluatedRequest): void {
    this.#add(request.gateOf(mirror), (gate) =>
      unmirroredSample(this.#frame(gate, primary), primary, drop ?? null),
    );
  }

  dropped(requestId: string, promptBytes: number, { gate, drop }: Unmirrored): void {
    if (drop === undefined || quietDrops.has(drop)) return;
    const id = pseudonym(this.#options.secret, requestId);
    this.#add(gate, ({ route, candidate }) =>
      unmirroredSample({ id, t0: this.#epochMs(), route, candidate }, { promptBytes }, drop),
    );
  }

  reports(): Promise<readonly ShadowReport[]> {
    return this.#thread?.reports() ?? Promise.resolve([]);
  }

  watch(isWatched: boolean): void {
    this.#thread?.watch(isWatched);
  }

  async ask<Call extends PoolingCall>(
    about: Call,
  ): Promise<PoolingAnswers[Call["call"]] | undefined> {
    return await this.#thread?.ask(about);
  }

  async close(): Promise<void> {
    await this.#thread?.close();
  }

  /** In ms since the epoch, from the clock of the samples. */
  #epochMs(): number {
    return performance.timeOrigin + this.#options.now();
  }

  #start(): JudgeThread {
    const { samplesFile, evaluateEveryMs, onAnalysis, onTrouble, onEnd } = this.#options;
    const { start = startJudgeThread } = this.#options;
    return start({
      setup: {
        evaluations: [...this.#running.values()].map(({ setup }) => setup),
        ...{ samplesFile, capacity, evaluateEveryMs },
      },
      now: () => this.#now(),
      onAnalysis: (look) => {
        const reports = look.reports.filter((report) => this.#isRunning(report));
        this.latest = { ...look, reports };
        onAnalysis(reports);
      },
      onClosed: (reports) => {
        this.closedReports = reports;
      },
      onTrouble,
      onEnd,
    });
  }

  /** False if the mirror went while the report was on its way. */
  #isRunning({ evaluation, candidate }: ShadowReport): boolean {
    return this.#running.has(evaluationKey(evaluation.route, candidate.pool));
  }

  #now(): Readonly<Record<string, EvaluationNow>> {
    const all = [...this.#running].map(
      ([key, running]) => [key, evaluationNow(running, this.#options)] as const,
    );
    return Object.fromEntries(all);
  }

  #nowOf(key: string): EvaluationNow | undefined {
    const running = this.#running.get(key);
    return running === undefined ? undefined : evaluationNow(running, this.#options);
  }

  #add(gate: MirrorGate | undefined, make: (gate: MirrorGate) => Sample): void {
    if (gate !== undefined) this.#thread?.add(gate.key, make(gate));
  }

  #frame({ route, candidate }: MirrorGate, { requestId, t0, session }: Leg) {
    const id = pseudonym(this.#options.secret, requestId);
    return {
      ...{ id, t0: performance.timeOrigin + t0, route, candidate },
      ...(session === undefined ? {} : { session }),
    };
  }
}

function byRole({ setup: a }: RunningEvaluation, { setup: b }: RunningEvaluation): number {
  return Number(a.role === "control") - Number(b.role === "control");
}

/** Drop reasons that last as long as the traffic: they are counted, not recorded individually. */
const quietDrops: ReadonlySet<string> = new Set([
  "paused",
  "protection",
  "requests",
  "tokens",
  "duration",
  "breaker",
]);
