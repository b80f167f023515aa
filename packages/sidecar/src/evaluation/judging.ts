import {
  configHash,
  createSampleStore,
  judge,
  type Sample,
  type SampleStore,
  type ShadowReport,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { openSamplesFile, type SamplesFile } from "./samples-file.ts";
import type { EvaluationNow, EvaluationSetup, WorkerSetup } from "./worker-messages.ts";

/** The evaluations with their samples. Lives in the worker: judging must not hold a pick up. */
export interface Judging {
  add(samples: readonly { readonly key: string; readonly sample: Sample }[]): void;
  update(now: Readonly<Record<string, EvaluationNow>>): void;
  /** Reports of all candidates that have samples. `isFresh`: judged now, and not taken from the last look. */
  look(isFresh: boolean): readonly ShadowReport[];
  close(): void;
}

interface Evaluation {
  readonly setup: EvaluationSetup;
  readonly store: SampleStore;
  startedAtMs: number | undefined;
  now: EvaluationNow | undefined;
  report: ShadowReport | undefined;
  /** Samples at the last look, and when it was. */
  seen: number;
  lookedAtMs: number;
}

/** At the end a look costs a bootstrap: not more often than this, unless it is asked for. */
const finalLookEveryMs = 30_000;

/** In ms since the epoch, as samples have it: a clock that is set back changes neither. */
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
      lookedAtMs: 0,
    });
  }
  const hashes = new Map(setup.evaluations.map(({ key, config }) => [key, configHash(config)]));
  let isFullTold = false;
  let file = softly(open, (why) => onTrouble(`samples are not written: ${why}`));

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

  /** Goes on without the file when the disk fails: the evaluation itself lives in memory. */
  function writeTo(write: (opened: SamplesFile) => void): void {
    if (file === undefined) return;
    try {
      write(file);
      if (file.isFull && !isFullTold) {
        isFullTold = true;
        onTrouble("the samples file has reached 1 GiB: nothing more is written to it");
      }
    } catch (cause) {
      file = undefined;
      onTrouble(`samples are no longer written: ${(cause as Error).message}`);
    }
  }

  /** Answers come in any order: an evaluation starts when the first of its requests was sent, not answered. */
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

  function judgeOne(evaluation: Evaluation): ShadowReport {
    const { setup: own, store, now, report: earlier } = evaluation;
    const lookedAtMs = nowMs();
    // Before the first request nothing has started.
    const startedAtMs = evaluation.startedAtMs ?? lookedAtMs;
    const control = own.controlKey === undefined ? undefined : evaluations.get(own.controlKey);
    const limits = [...(now?.limitsHit ?? [])];
    if (store.evicted > 0)
      limits.push(`${store.evicted} samples were left out at random: memory is full`);
    const report = judge({
      samples: store.all(),
      config: own.config,
      ...(control === undefined ? {} : { control: control.store.all() }),
      facts: {
        route: own.route,
        startedAtMs,
        nowMs: lookedAtMs,
        limitsHit: limits,
        leftOut: store.evictedPairs,
        ...(earlier === undefined ? {} : { earlier }),
        ...(control?.now === undefined ? {} : { control: control.now.candidate }),
        ...(now === undefined ? { candidate: { pool: own.candidate } } : factsOf(now)),
      },
    });
    writeTo((opened) => noteVerdict(opened, { key: own.key, report, earlier }));
    return report;
  }

  function look(evaluation: Evaluation, isFresh: boolean): void {
    const { store, report, seen, lookedAtMs } = evaluation;
    const isDue = report?.evaluation.is_final !== true || nowMs() - lookedAtMs >= finalLookEveryMs;
    if (!isFresh && (store.size + store.evicted === seen || !isDue)) return;
    evaluation.seen = store.size + store.evicted;
    evaluation.report = judgeOne(evaluation);
    evaluation.lookedAtMs = nowMs();
  }

  return {
    add(samples) {
      noteStarts(samples);
      for (const { key, sample } of samples) evaluations.get(key)?.store.add(sample);
      writeTo((opened) => opened.append(samples.map(({ sample }) => sample)));
    },
    update(now) {
      for (const [key, each] of Object.entries(now)) {
        const evaluation = evaluations.get(key);
        if (evaluation === undefined) continue;
        evaluation.now = each;
        // Samples have whole milliseconds: none may lie before the start by a rounding.
        if (each.startedAtMs !== undefined) noteStart(key, Math.floor(each.startedAtMs));
      }
    },
    look(isFresh) {
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

/** A final verdict outlives this process: a restart goes on with it, or begins anew behind the last stage. */
function noteVerdict(file: SamplesFile, { key, report, earlier }: Judged): void {
  const { evaluation, verdict } = report;
  if (report === earlier || verdict.final === null) return;
  const isKnown =
    earlier?.verdict.final?.at === verdict.final.at &&
    earlier.evaluation.is_final === evaluation.is_final;
  if (!isKnown) file.judged(key, report);
  if (evaluation.is_final && verdict.status !== "INCONCLUSIVE") file.ended(key);
}

/** The result, or undefined where there is none; `onTrouble` learns why. */
function softly<T>(run: () => T, onTrouble: (why: string) => void): T | undefined {
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
