import { createHash } from "node:crypto";
import { type ClosedWhy, configHash, judge, type Sample, type ShadowReport } from "@umbra/shadow";
import { createClosedEvaluations } from "./closed-evaluations.ts";
import {
  type Evaluation,
  factsOf,
  hasBegunBy,
  keep,
  newEvaluation,
  noteEnding,
  openBeforeEnd,
} from "./one-evaluation.ts";
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
  const evaluations = new Map<string, Evaluation>();
  for (const each of setup.evaluations) {
    evaluations.set(each.key, newEvaluation(each, setup.capacity));
  }
  const closed = createClosedEvaluations((evaluation, atMs) => {
    evaluation.report = evaluateOne(evaluation, atMs);
    evaluation.seen = evaluation.store.size + evaluation.store.evicted;
    return evaluation.report;
  });
  let closedReports: readonly ShadowReport[] = [];
  let isFullTold = false;
  let file = resultOf(open, (why) => onTrouble(`can't write samples: ${why}`));

  function open(): SamplesFile | undefined {
    if (setup.samplesFile === undefined) return undefined;
    const opened = openSamplesFile(setup.samplesFile, wantedOf(setup), nowMs());
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
  function noteStart(evaluation: Evaluation, t0: number): void {
    if (t0 >= (evaluation.startedAtMs ?? Number.POSITIVE_INFINITY)) return;
    evaluation.startedAtMs = t0;
    const { key } = evaluation.setup;
    writeTo((opened) => opened.started(key, wantedEvaluation(evaluation.setup), t0));
  }

  function addTo(key: string, samples: readonly Sample[]): void {
    const evaluation = evaluations.get(key);
    const [own, earlier] = [[], []] as [Sample[], Sample[]];
    for (const sample of samples) {
      const isOwn = evaluation !== undefined && hasBegunBy(evaluation, sample.t0);
      (isOwn ? own : earlier).push(sample);
    }
    for (const sample of earlier) closed.add(key, sample);
    if (evaluation === undefined || own.length === 0) return;
    noteStart(
      evaluation,
      own.reduce((first, { t0 }) => Math.min(first, t0), Number.POSITIVE_INFINITY),
    );
    for (const sample of own) keep(evaluation, sample);
  }

  /** Closes the running evaluation of a key. */
  function closeOne(
    key: string,
    by: {
      readonly atMs: number;
      readonly why: ClosedWhy;
      readonly last: EvaluationNow | undefined;
    },
  ): void {
    const evaluation = evaluations.get(key);
    if (evaluation === undefined) return;
    evaluation.now = by.last ?? evaluation.now;
    evaluation.control = controlOf(evaluation);
    closed.close(evaluation, by.atMs, by.why);
    closedReports = closed.reports;
    evaluations.delete(key);
    const { setup: own, startedAtMs } = evaluation;
    writeTo((opened) => {
      opened.replaced(key);
      if (startedAtMs === undefined) return;
      opened.noted({ ...own, fromMs: startedAtMs, closed: { atMs: by.atMs, why: by.why } });
    });
  }

  function controlOf({ setup: own, control }: Evaluation): Evaluation | undefined {
    if (control !== undefined || own.controlKey === undefined) return control;
    return evaluations.get(own.controlKey);
  }

  function evaluateOne(evaluation: Evaluation, analyzedAtMs: number): ShadowReport {
    const { setup: own, store, now, report: earlier } = evaluation;
    // Nothing has started before the first request.
    const startedAtMs = evaluation.startedAtMs ?? analyzedAtMs;
    noteEnding(evaluation, analyzedAtMs);
    const control = controlOf(evaluation);
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
        openBeforeEnd: openBeforeEnd(evaluation, analyzedAtMs),
        ...(earlier === undefined ? {} : { earlier }),
        ...(control?.now === undefined ? {} : { control: control.now.candidate }),
        ...(now === undefined ? { candidate: { pool: own.candidate } } : factsOf(now)),
      },
    });
    // A closed evaluation's key belongs to the next one.
    if (evaluations.get(own.key) === evaluation) {
      writeTo((opened) => noteVerdict(opened, { key: own.key, report, earlier }));
    }
    return report;
  }

  function look(evaluation: Evaluation, isFresh: boolean): void {
    const { store, report, seen, analyzedAtMs } = evaluation;
    const isDue =
      report?.evaluation.is_final !== true || nowMs() - analyzedAtMs >= finalAnalysisEveryMs;
    if (!isFresh && (store.size + store.evicted === seen || !isDue)) return;
    evaluation.seen = store.size + store.evicted;
    evaluation.report = evaluateOne(evaluation, nowMs());
    evaluation.analyzedAtMs = nowMs();
  }

  return {
    add(samples) {
      for (const [key, of] of Map.groupBy(samples, (each) => each.key)) {
        addTo(
          key,
          of.map(({ sample }) => sample),
        );
      }
      writeTo((opened) => opened.append(samples.map(({ sample }) => sample)));
    },
    begin(next, last) {
      const { key, fromMs = nowMs() } = next;
      closeOne(key, { atMs: fromMs, why: "changed", last });
      evaluations.set(key, newEvaluation(next, setup.capacity));
      writeTo((opened) => opened.noted({ ...next, fromMs }));
    },
    end(key, atMs, last) {
      // It does not go on if the mirror comes back.
      writeTo((opened) => opened.ended(key));
      closeOne(key, { atMs, why: "removed", last });
    },
    get closedReports() {
      return closedReports;
    },
    update(now) {
      for (const [key, each] of Object.entries(now)) {
        const evaluation = evaluations.get(key);
        if (evaluation === undefined) continue;
        evaluation.now = each;
        // Samples have whole milliseconds: rounding must not put one before the start.
        if (each.startedAtMs !== undefined) noteStart(evaluation, Math.floor(each.startedAtMs));
        noteEnding(evaluation, nowMs());
      }
    },
    analyze(isFresh) {
      const candidates = [...evaluations.values()].filter(
        ({ setup: { role } }) => role === "candidate",
      );
      for (const evaluation of candidates) look(evaluation, isFresh);
      if (closed.settle(nowMs(), isFresh)) closedReports = closed.reports;
      return candidates.flatMap(({ report }) => report ?? []);
    },
    close() {
      file?.close();
    },
  };
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
