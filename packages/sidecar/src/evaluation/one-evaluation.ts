import {
  createSampleStore,
  type EvaluationFacts,
  isOver,
  longestWaitMs,
  type Sample,
  type SampleStore,
  type ShadowReport,
  stageAfter,
} from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import { mergedNow } from "./merged-now.ts";
import type { PooledSamples } from "./pooled-samples.ts";
import type { PageCounts } from "./samples-page.ts";
import type { EvaluationNow, EvaluationSetup } from "./worker-messages.ts";

/** One evaluation with its samples. */
export interface Evaluation {
  readonly setup: EvaluationSetup;
  readonly store: SampleStore;
  /** Samples of peers; undefined unless this one judges for all. */
  pooled: PooledSamples | undefined;
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
  /** For a closed evaluation: its control, which may have begun again since. */
  control: Evaluation | undefined;
}

interface Ending {
  readonly stage: number;
  readonly atMs: number;
  /** Requests sent until then without an outcome. */
  open: number;
}

export function newEvaluation(setup: EvaluationSetup, capacity: number): Evaluation {
  return {
    setup,
    store: createSampleStore(setup, capacity),
    pooled: undefined,
    startedAtMs: undefined,
    now: undefined,
    report: undefined,
    seen: -1,
    analyzedAtMs: 0,
    outcomes: 0,
    ending: undefined,
    control: undefined,
  };
}

/** True if requests sent at this time, in ms since the epoch, belong to the evaluation or to a later one. */
export function hasBegunBy({ setup: { fromMs = 0 } }: Evaluation, t0: number): boolean {
  return t0 >= fromMs;
}

/** Stores a sample of the evaluation. `serial`: larger than that of any sample before it. */
export function keep(evaluation: Evaluation, sample: Sample, serial?: number): void {
  evaluation.store.add(sample, serial);
  countOutcome(evaluation, sample);
}

/** Counts a sample, this process's own or a peer's. */
export function countOutcome(evaluation: Evaluation, sample: Sample): void {
  if (!sample.mirrored) return;
  evaluation.outcomes++;
  const { ending } = evaluation;
  if (ending !== undefined && sample.t0 <= ending.atMs) ending.open--;
}

/** Number of samples so far, also of those that were dropped. */
export function sampleCount({ store, pooled }: Evaluation): number {
  const others = pooled === undefined ? 0 : pooled.store.size + pooled.store.evicted;
  return store.size + store.evicted + others;
}

/** What is known at this moment, together with what peers know. */
export function nowOf({
  now,
  pooled,
}: Pick<Evaluation, "now" | "pooled">): EvaluationNow | undefined {
  if (now === undefined || pooled === undefined) return now;
  const others = [...pooled.heads].map(([replica, { counts }]) =>
    pooled.present.has(replica) ? counts : countsOfGone(counts),
  );
  return mergedNow(now, others);
}

/** What a peer has counted stays, but it sends nothing more: others do, which would count twice in the highest rate. */
function countsOfGone({ peakPerSecond: _, ...counts }: PageCounts): PageCounts {
  return { ...counts, isBudgetSpent: true };
}

/** Number of mirrored requests without an outcome. */
export function openRequests(evaluation: Evaluation): number {
  return Math.max(0, (nowOf(evaluation)?.counts.dispatched ?? 0) - evaluation.outcomes);
}

/** Once after the end of a stage: waits for all requests that were running at the last update. */
export function noteEnding(evaluation: Evaluation, nowMs: number): void {
  const { setup, startedAtMs, report, ending } = evaluation;
  const now = nowOf(evaluation);
  const stage = stageAfter(report);
  if (startedAtMs === undefined || now === undefined || ending?.stage === stage) return;
  if (!isOver(nowMs - startedAtMs, setup.config, stage) && !now.isBudgetSpent) return;
  evaluation.ending = { stage, atMs: now.atMs ?? nowMs, open: openRequests(evaluation) };
}

/** Requests that the final analysis waits for. It does not wait forever for requests whose end is never reported. */
export function openBeforeEnd({ ending, report }: Evaluation, nowMs: number): number {
  if (ending === undefined || ending.stage !== stageAfter(report)) return 0;
  return nowMs - ending.atMs < longestWaitMs ? Math.max(0, ending.open) : 0;
}

/** The facts of an analysis that only the other thread has. */
export function factsOf(now: EvaluationNow): EvaluationFacts {
  const { counts, isBudgetSpent, percent, by, baseline, candidate, captured } = now;
  const { loadRatio, peakPerSecond, policyGeneration } = now;
  return {
    counts,
    isBudgetSpent,
    baseline,
    candidate,
    captured,
    sampling: { percent, by },
    ...defined({ loadRatio, peakPerSecond, policy: now.policy ?? undefined, policyGeneration }),
  };
}
