import {
  configHash,
  createSampleStore,
  isOver,
  judge,
  longestWaitMs,
  type Sample,
  type SampleStore,
  type ShadowReport,
  stageAfter,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { openSamplesFile, type SamplesFile } from "./samples-file.ts";
import type { EvaluationNow, EvaluationSetup, WorkerSetup } from "./worker-messages.ts";

/** The evaluations with their samples. Runs in the worker, because evaluating must not delay picks. */
export interface Judging {
  add(samples: readonly { readonly key: string; readonly sample: Sample }[]): void;
  update(now: Readonly<Record<string, EvaluationNow>>): void;
  /** Returns the reports of all candidates with samples. `isFresh`: evaluates now instead of using the last analysis. */
  analyze(isFresh: boolean): readonly ShadowReport[];
  close(): void;
}

interface Evaluation {
  readonly setup: EvaluationSetup;
  readonly store: SampleStore;
  startedAtMs: number | undefined;
  now: EvaluationNow | undefined;
  report: ShadowReport | undefined;
  /** Number of samples at the last analysis, and its time. */
  seen: number;
  analyzedAtMs: number;
  /** Number of mirrored requests with a known outcome. */
  outcomes: number;
  /** Requests that were running at the planned end. */
  ending: Ending | undefined;
}

interface Ending {
  readonly stage: number;
  readonly atMs: number;
  /** Requests sent until then without an outcome. */
  open: number;
}

/** Near the end, an analysis needs a statistical bootstrap: at most this often, unless requested. */
const finalAnalysisEveryMs = 30_000;

/** In ms since the epoch, from the same clock as the samples: setting the system clock back changes neither. */
const epochMs = () => performance.timeOrigin + performance.now();

export function createJudging(
  setup: WorkerSetup,
  onTrouble: (text: string) => void,
  nowMs: () => number = epochMs,
): Judging {
  const evaluations = new Map<string, Evaluation>();
  for (const each of setup.evaluations) {
    evaluations.set(each.key, {
      setup: each,
      store: createSampleStore(each, setup.capacity),
      startedAtMs: undefined,
      now: undefined,
      report: undefined,
      seen: -1,
      analyzedAtMs: 0,
      outcomes: 0,
      ending: undefined,
    });
  }
  const hashes = new Map(setup.evaluations.map(({ key, config }) => [key, configHash(config)]));
  let isFullTold = false;
  let file = resultOf(open, (why) => onTrouble(`can't write samples: ${why}`));

  function open(): SamplesFile | undefined {
    if (setup.samplesFile === undefined) return undefined;
    const opened = openSamplesFile(setup.samplesFile, wantedOf(setup, hashes), nowMs());
    for (const [key, { startedAtMs, samples, report }] of opened.resumed) {
      const evaluation = evaluations.get(key);
      if (evaluation === undefined) continue;
      evaluation.startedAtMs = startedAtMs;
      evaluation.report = report;
      for (const sample of samples) evaluation.store.add(sample);
    }
    return opened;
  }

  /** Continues without the file if the disk fails: the evaluation itself is in memory. */
  function writeTo(write: (opened: SamplesFile) => void): void {
    if (file === undefined) return;
    try {
      write(file);
      if (file.isFull && !isFullTold) {
        isFullTold = true;
        onTrouble("the samples file reached 1 GiB: no more samples are written");
      }
    } catch (cause) {
      file = void resultOf(file.close, () => {});
      onTrouble(`samples are no longer written: ${(cause as Error).message}`);
    }
  }

  /** Answers arrive in any order: an evaluation starts when its first request was sent, not answered. */
  function noteStarts(samples: Parameters<Judging["add"]>[0]): void {
    for (const [key, of] of Map.groupBy(samples, (each) => each.key)) {
      noteStart(key, Math.min(...of.map(({ sample }) => sample.t0)));
    }
  }

  function noteStart(key: string, t0: number): void {
    const evaluation = evaluations.get(key);
    if (evaluation === undefined || t0 >= (evaluation.startedAtMs ?? Number.POSITIVE_INFINITY)) {
      return;
    }
    evaluation.startedAtMs = t0;
    writeTo((opened) => opened.started(key, hashes.get(key) ?? "", t0));
  }

  function evaluateOne(evaluation: Evaluation): ShadowReport {
    const { setup: own, store, now, report: earlier } = evaluation;
    const analyzedAtMs = nowMs();
    // Nothing has started before the first request.
    const startedAtMs = evaluation.startedAtMs ?? analyzedAtMs;
    noteEnding(evaluation, analyzedAtMs);
    const control = own.controlKey === undefined ? undefined : evaluations.get(own.controlKey);
    const limits = [...(now?.limitsHit ?? [])];
    if (store.evicted > 0) limits.push(`${store.evicted} samples were dropped: memory is full`);
    const report = judge({
      samples: store.all(),
      config: own.config,
      ...(control === undefined ? {} : { control: control.store.all() }),
      facts: {
        route: own.route,
        startedAtMs,
        nowMs: analyzedAtMs,
        limitsHit: limits,
        leftOut: store.evictedPairs,
        openBeforeEnd: openOf(evaluation, analyzedAtMs),
        ...(earlier === undefined ? {} : { earlier }),
        ...(control?.now === undefined ? {} : { control: control.now.candidate }),
        ...(now === undefined ? { candidate: { pool: own.candidate } } : factsOf(now)),
      },
    });
    writeTo((opened) => noteVerdict(opened, { key: own.key, report, earlier }));
    return report;
  }

  function look(evaluation: Evaluation, isFresh: boolean): void {
    const { store, report, seen, analyzedAtMs } = evaluation;
    const isDue =
      report?.evaluation.is_final !== true || nowMs() - analyzedAtMs >= finalAnalysisEveryMs;
    if (!isFresh && (store.size + store.evicted === seen || !isDue)) return;
    evaluation.seen = store.size + store.evicted;
    evaluation.report = evaluateOne(evaluation);
    evaluation.analyzedAtMs = nowMs();
  }

  return {
    add(samples) {
      noteStarts(samples);
      for (const { key, sample } of samples) keep(evaluations.get(key), sample);
      writeTo((opened) => opened.append(samples.map(({ sample }) => sample)));
    },
    update(now) {
      for (const [key, each] of Object.entries(now)) {
        const evaluation = evaluations.get(key);
        if (evaluation === undefined) continue;
        evaluation.now = each;
        // Samples have whole milliseconds: rounding must not put one before the start.
        if (each.startedAtMs !== undefined) noteStart(key, Math.floor(each.startedAtMs));
        noteEnding(evaluation, nowMs());
      }
    },
    analyze(isFresh) {
      const candidates = [...evaluations.values()].filter(
        ({ setup: { role } }) => role === "candidate",
      );
      for (const evaluation of candidates) look(evaluation, isFresh);
      return candidates.flatMap(({ report }) => report ?? []);
    },
    close() {
      file?.close();
    },
  };
}

function keep(evaluation: Evaluation | undefined, sample: Sample): void {
  if (evaluation === undefined) return;
  evaluation.store.add(sample);
  if (!sample.mirrored) return;
  evaluation.outcomes++;
  const { ending } = evaluation;
  if (ending !== undefined && sample.t0 <= ending.atMs) ending.open--;
}

/** Once after the end of a stage: waits for all requests that were running at the last update. */
function noteEnding(evaluation: Evaluation, nowMs: number): void {
  const { setup, startedAtMs, report, now, outcomes, ending } = evaluation;
  const stage = stageAfter(report);
  if (startedAtMs === undefined || now === undefined || ending?.stage === stage) return;
  if (!isOver(nowMs - startedAtMs, setup.config, stage) && !now.isBudgetSpent) return;
  const open = Math.max(0, now.counts.dispatched - outcomes);
  evaluation.ending = { stage, atMs: now.atMs ?? nowMs, open };
}

/** Requests that the final analysis waits for. It does not wait forever for requests whose end is never reported. */
function openOf({ ending, report }: Evaluation, nowMs: number): number {
  if (ending === undefined || ending.stage !== stageAfter(report)) return 0;
  return nowMs - ending.atMs < longestWaitMs ? Math.max(0, ending.open) : 0;
}

function wantedOf({ evaluations }: WorkerSetup, hashes: ReadonlyMap<string, string>) {
  return new Map(
    evaluations.map(({ key, config }) => [key, { configSha256: hashes.get(key) ?? "", config }]),
  );
}

interface Judged {
  readonly key: string;
  readonly report: ShadowReport;
  readonly earlier: ShadowReport | undefined;
}

/** Stores a final verdict, so that a restart keeps it, or starts a new evaluation after the last stage. */
function noteVerdict(file: SamplesFile, { key, report, earlier }: Judged): void {
  const { evaluation, verdict } = report;
  if (report === earlier || verdict.final === null) return;
  const isKnown =
    earlier?.verdict.final?.at === verdict.final.at &&
    earlier.evaluation.is_final === evaluation.is_final;
  if (!isKnown) file.judged(key, report);
  const isClosed = evaluation.is_final || verdict.status === "INVALID";
  if (isClosed && verdict.status !== "INCONCLUSIVE") file.ended(key);
}

/** Returns the result. If it throws, reports the reason to `onTrouble` and returns undefined. */
function resultOf<T>(run: () => T, onTrouble: (why: string) => void): T | undefined {
  try {
    return run();
  } catch (cause) {
    onTrouble((cause as Error).message);
    return undefined;
  }
}

function factsOf(now: EvaluationNow) {
  const { counts, isBudgetSpent, percent, by, baseline, candidate, captured } = now;
  const { loadRatio, peakPerSecond } = now;
  return {
    counts,
    isBudgetSpent,
    baseline,
    candidate,
    captured,
    sampling: { percent, by },
    ...defined({ loadRatio, peakPerSecond, policy: now.policy ?? undefined }),
  };
}
