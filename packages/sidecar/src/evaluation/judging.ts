import { createHash } from "node:crypto";
import { type ClosedWhy, configHash, judge, type Sample, type ShadowReport } from "@umbra/shadow";
import { type ClosedEvaluations, createClosedEvaluations } from "./closed-evaluations.ts";
import {
  type Evaluation,
  factsOf,
  hasBegunBy,
  keep,
  newEvaluation,
  noteEnding,
  nowOf,
  openBeforeEnd,
  sampleCount,
} from "./one-evaluation.ts";
import { judgedSamples } from "./pooled-samples.ts";
import { createSamplePooling, type SamplePooling } from "./sample-pooling.ts";
import { openSamplesFile, type SamplesFile, type WantedEvaluation } from "./samples-file.ts";
import type { EvaluationNow, EvaluationSetup, WorkerSetup } from "./worker-messages.ts";

/** The evaluations with their samples. Runs in the worker, because evaluating must not delay picks. */
export interface Judging {
  add(samples: readonly { readonly key: string; readonly sample: Sample }[]): void;
  update(now: Readonly<Record<string, EvaluationNow>>): void;
  /** Returns the reports of all candidates with samples. `isFresh`: evaluates now instead of using the last analysis. */
  analyze(isFresh: boolean): readonly ShadowReport[];
  /** Begins an evaluation, and closes the one with the same key. `last`: final data of that one. */
  begin(setup: EvaluationSetup, last?: EvaluationNow): void;
  /** Closes an evaluation whose mirror went at `atMs`, in ms since the epoch. */
  end(key: string, atMs: number, last?: EvaluationNow): void;
  /** The last reports of closed evaluations, newest first; a new array when they have changed. */
  readonly closedReports: readonly ShadowReport[];
  /** Samples given to peers, and taken from them. */
  readonly pooling: SamplePooling;
  close(): void;
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
  return new StoredEvaluations(setup, onTrouble, nowMs);
}

interface Closing {
  readonly atMs: number;
  readonly why: ClosedWhy;
  readonly last: EvaluationNow | undefined;
}

class StoredEvaluations implements Judging {
  readonly #setup: WorkerSetup;
  readonly #onTrouble: (text: string) => void;
  readonly #nowMs: () => number;
  /** Running evaluations by key. */
  readonly #running = new Map<string, Evaluation>();
  readonly #closed: ClosedEvaluations;
  closedReports: readonly ShadowReport[] = [];
  readonly pooling: SamplePooling;
  #serial = 0;
  #isFullTold = false;
  /** Undefined if no samples are written. */
  #file: SamplesFile | undefined;

  constructor(setup: WorkerSetup, onTrouble: (text: string) => void, nowMs: () => number) {
    this.#setup = setup;
    this.#onTrouble = onTrouble;
    this.#nowMs = nowMs;
    for (const each of setup.evaluations) {
      this.#running.set(each.key, newEvaluation(each, setup.capacity));
    }
    this.pooling = createSamplePooling(this.#running, {
      capacity: setup.capacity,
      onStart: (evaluation, t0) => this.#start(evaluation, t0),
    });
    this.#closed = createClosedEvaluations((evaluation, atMs) => {
      evaluation.report = this.#evaluate(evaluation, atMs);
      evaluation.seen = sampleCount(evaluation);
      return evaluation.report;
    });
    this.#file = resultOf(
      () => this.#open(),
      (why) => onTrouble(`can't write samples: ${why}`),
    );
  }

  add(samples: readonly { readonly key: string; readonly sample: Sample }[]): void {
    for (const [key, of] of Map.groupBy(samples, (each) => each.key)) {
      const own = of.map(({ sample }) => sample);
      this.#addTo(key, own);
    }
    this.#write((opened) => opened.append(samples.map(({ sample }) => sample)));
  }

  begin(next: EvaluationSetup, last?: EvaluationNow): void {
    const { key, fromMs = this.#nowMs() } = next;
    this.#close(key, { atMs: fromMs, why: "changed", last });
    this.#running.set(key, newEvaluation(next, this.#setup.capacity));
    this.#write((opened) => opened.noted({ ...next, fromMs }));
  }

  end(key: string, atMs: number, last?: EvaluationNow): void {
    // It is not continued if the mirror comes back.
    this.#write((opened) => opened.ended(key));
    this.#close(key, { atMs, why: "removed", last });
  }

  update(now: Readonly<Record<string, EvaluationNow>>): void {
    for (const [key, each] of Object.entries(now)) {
      const evaluation = this.#running.get(key);
      if (evaluation === undefined) continue;
      evaluation.now = each;
      // Samples have whole milliseconds: rounding must not put one before the start.
      if (each.startedAtMs !== undefined) this.#start(evaluation, Math.floor(each.startedAtMs));
      noteEnding(evaluation, this.#nowMs());
    }
  }

  analyze(isFresh: boolean): readonly ShadowReport[] {
    const candidates = [...this.#running.values()].filter(
      ({ setup: { role } }) => role === "candidate",
    );
    for (const evaluation of candidates) this.#look(evaluation, isFresh);
    if (this.#closed.settle(this.#nowMs(), isFresh)) this.closedReports = this.#closed.reports;
    return candidates.flatMap(({ report }) => report ?? []);
  }

  close(): void {
    this.#file?.close();
  }

  #open(): SamplesFile | undefined {
    if (this.#setup.samplesFile === undefined) return undefined;
    const wanted = wantedOf(this.#setup);
    const opened = openSamplesFile(this.#setup.samplesFile, wanted, this.#nowMs());
    for (const [key, { startedAtMs, samples, report }] of opened.resumed) {
      const evaluation = this.#running.get(key);
      if (evaluation === undefined) continue;
      evaluation.startedAtMs = startedAtMs;
      evaluation.report = report;
      for (const sample of samples) evaluation.store.add(sample, ++this.#serial);
    }
    return opened;
  }

  /** Continues without the file if the disk fails: the evaluation itself is in memory. */
  #write(write: (opened: SamplesFile) => void): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      write(file);
      if (file.isFull && !this.#isFullTold) {
        this.#isFullTold = true;
        this.#onTrouble("the samples file reached 1 GiB: no more samples are written");
      }
    } catch (cause) {
      this.#file = void resultOf(file.close, () => {});
      this.#onTrouble(`samples are no longer written: ${(cause as Error).message}`);
    }
  }

  #addTo(key: string, samples: readonly Sample[]): void {
    const evaluation = this.#running.get(key);
    const isOwn = ({ t0 }: Sample) => evaluation !== undefined && hasBegunBy(evaluation, t0);
    const own = samples.filter(isOwn);
    for (const sample of samples) if (!isOwn(sample)) this.#closed.add(key, sample);
    if (evaluation === undefined || own.length === 0) return;
    const first = own.reduce((least, { t0 }) => Math.min(least, t0), Number.POSITIVE_INFINITY);
    this.#start(evaluation, first);
    for (const sample of own) keep(evaluation, sample, ++this.#serial);
  }

  /** Answers arrive in any order: an evaluation starts when its first request was sent, not answered. */
  #start(evaluation: Evaluation, t0: number): void {
    if (t0 >= (evaluation.startedAtMs ?? Number.POSITIVE_INFINITY)) return;
    evaluation.startedAtMs = t0;
    const { key } = evaluation.setup;
    this.#write((opened) => opened.started(key, wantedEvaluation(evaluation.setup), t0));
  }

  /** Closes the running evaluation of a key. */
  #close(key: string, { atMs, why, last }: Closing): void {
    const evaluation = this.#running.get(key);
    if (evaluation === undefined) return;
    evaluation.now = last ?? evaluation.now;
    evaluation.control = this.#controlOf(evaluation);
    this.#closed.close(evaluation, atMs, why);
    this.closedReports = this.#closed.reports;
    this.#running.delete(key);
    const { setup: own, startedAtMs } = evaluation;
    this.#write((opened) => {
      opened.replaced(key);
      if (startedAtMs === undefined) return;
      opened.noted({ ...own, fromMs: startedAtMs, closed: { atMs, why } });
    });
  }

  #controlOf({ setup: own, control }: Evaluation): Evaluation | undefined {
    if (control !== undefined || own.controlKey === undefined) return control;
    return this.#running.get(own.controlKey);
  }

  #look(evaluation: Evaluation, isFresh: boolean): void {
    const { report, seen, analyzedAtMs } = evaluation;
    const isDue =
      report?.evaluation.is_final !== true || this.#nowMs() - analyzedAtMs >= finalAnalysisEveryMs;
    if (!isFresh && (sampleCount(evaluation) === seen || !isDue)) return;
    evaluation.seen = sampleCount(evaluation);
    evaluation.report = this.#evaluate(evaluation, this.#nowMs());
    evaluation.analyzedAtMs = this.#nowMs();
  }

  #evaluate(evaluation: Evaluation, analyzedAtMs: number): ShadowReport {
    const { setup: own, store, report: earlier } = evaluation;
    const now = nowOf(evaluation);
    const { samples, leftOut } = judgedSamples(store, evaluation.pooled);
    // Nothing has started before the first request.
    const startedAtMs = evaluation.startedAtMs ?? analyzedAtMs;
    noteEnding(evaluation, analyzedAtMs);
    const control = this.#controlOf(evaluation);
    const limits = [...(now?.limitsHit ?? []), ...this.pooling.missing];
    if (store.evicted > 0) limits.push(`${store.evicted} samples were dropped: memory is full`);
    const report = judge({
      samples,
      config: own.config,
      ...(control === undefined
        ? {}
        : { control: judgedSamples(control.store, control.pooled).samples }),
      facts: {
        route: own.route,
        startedAtMs,
        nowMs: analyzedAtMs,
        limitsHit: limits,
        leftOut,
        openBeforeEnd: openBeforeEnd(evaluation, analyzedAtMs),
        ...(earlier === undefined ? {} : { earlier }),
        ...(control?.now === undefined ? {} : { control: control.now.candidate }),
        ...(now === undefined ? { candidate: { pool: own.candidate } } : factsOf(now)),
      },
    });
    // A closed evaluation's key belongs to the next one.
    if (this.#running.get(own.key) === evaluation) {
      this.#write((opened) => noteVerdict(opened, { key: own.key, report, earlier }));
    }
    return report;
  }
}

function wantedOf({ evaluations }: WorkerSetup) {
  return new Map(evaluations.map((setup) => [setup.key, wantedEvaluation(setup)]));
}

function wantedEvaluation({ config, subject }: EvaluationSetup): WantedEvaluation {
  const configSha256 = configHash(config);
  return {
    configSha256,
    config,
    ...(subject === undefined ? {} : { subjectSha256: sha256(subject) }),
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
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
