import {
  configHash,
  createSampleStore,
  judge,
  type Sample,
  type SampleStore,
  type ShadowReport,
} from "@umbra/shadow";
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
  readonly earlierBlocks: Map<string, number>;
  startedAtMs: number | undefined;
  now: EvaluationNow | undefined;
  report: ShadowReport | undefined;
  /** Samples at the last look, and when it was. */
  seen: number;
  lookedAtMs: number;
}

/** At the end a look costs a bootstrap: not more often than this, unless it is asked for. */
const finalLookEveryMs = 30_000;

export function createJudging(setup: WorkerSetup, onTrouble: (text: string) => void): Judging {
  const evaluations = new Map<string, Evaluation>();
  for (const each of setup.evaluations) {
    evaluations.set(each.key, {
      setup: each,
      store: createSampleStore(each, setup.capacity),
      earlierBlocks: new Map(),
      startedAtMs: undefined,
      now: undefined,
      report: undefined,
      seen: -1,
      lookedAtMs: 0,
    });
  }
  const hashes = new Map(setup.evaluations.map(({ key, config }) => [key, configHash(config)]));
  let file: SamplesFile | undefined = open();
  let isFullTold = false;

  function open(): SamplesFile | undefined {
    if (setup.samplesFile === undefined) return undefined;
    const opened = openSamplesFile(setup.samplesFile, hashes);
    for (const [key, startedAtMs] of opened.startedAtMs) {
      const evaluation = evaluations.get(key);
      if (evaluation !== undefined) evaluation.startedAtMs = startedAtMs;
    }
    for (const sample of opened.earlier) {
      evaluations.get(`${sample.route} ${sample.candidate}`)?.store.add(sample);
    }
    return opened;
  }

  function write(samples: readonly Sample[]): void {
    if (file === undefined) return;
    try {
      file.append(samples);
      if (file.isFull && !isFullTold) {
        isFullTold = true;
        onTrouble("the samples file has reached 1 GiB: nothing more is written to it");
      }
    } catch (cause) {
      file = undefined;
      onTrouble(`samples are no longer written: ${(cause as Error).message}`);
    }
  }

  function judgeOne(evaluation: Evaluation): ShadowReport {
    const { setup: own, store, startedAtMs, now, earlierBlocks } = evaluation;
    const control = own.controlKey === undefined ? undefined : evaluations.get(own.controlKey);
    const limits = [...(now?.limitsHit ?? [])];
    if (store.evicted > 0) limits.push(`the oldest ${store.evicted} samples were left out`);
    const report = judge({
      samples: store.all(),
      config: own.config,
      ...(control === undefined ? {} : { control: control.store.all() }),
      facts: {
        route: own.route,
        nowMs: Date.now(),
        earlierBlocks,
        limitsHit: limits,
        ...(startedAtMs === undefined ? {} : { startedAtMs }),
        ...(control?.now === undefined ? {} : { control: control.now.candidate }),
        ...(now === undefined ? {} : factsOf(now)),
      },
    });
    for (const { id, block_s, note } of report.gates) {
      if (block_s !== null && note === null) earlierBlocks.set(id, block_s * 1_000);
    }
    return report;
  }

  function look(evaluation: Evaluation, isFresh: boolean): void {
    const { store, report, seen, lookedAtMs } = evaluation;
    const isDue =
      report?.evaluation.is_final !== true || Date.now() - lookedAtMs >= finalLookEveryMs;
    if (!isFresh && (store.size + store.evicted === seen || !isDue)) return;
    evaluation.seen = store.size + store.evicted;
    evaluation.report = judgeOne(evaluation);
    evaluation.lookedAtMs = Date.now();
  }

  return {
    add(samples) {
      for (const { key, sample } of samples) {
        const evaluation = evaluations.get(key);
        if (evaluation === undefined) continue;
        if (evaluation.startedAtMs === undefined) {
          evaluation.startedAtMs = sample.t0;
          file?.started(key, hashes.get(key) ?? "", sample.t0);
        }
        evaluation.store.add(sample);
      }
      write(samples.map(({ sample }) => sample));
    },
    update(now) {
      for (const [key, each] of Object.entries(now)) {
        const evaluation = evaluations.get(key);
        if (evaluation !== undefined) evaluation.now = each;
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

function factsOf(now: EvaluationNow) {
  const { counts, loadRatio, isBudgetSpent, percent, by, baseline, candidate, captured } = now;
  return {
    counts,
    isBudgetSpent,
    baseline,
    candidate,
    captured,
    sampling: { percent, by },
    ...(loadRatio === undefined ? {} : { loadRatio }),
  };
}
