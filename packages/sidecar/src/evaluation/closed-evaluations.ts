import { type ClosedWhy, longestWaitMs, type Sample, type ShadowReport } from "@umbra/shadow";
import { type Evaluation, hasBegunBy, keep, openRequests, sampleCount } from "./one-evaluation.ts";

/** Evaluations that were closed before their end: their settings changed, or their mirror went. */
export interface ClosedEvaluations {
  /** The latest reports, newest first: at most 16. */
  readonly reports: readonly ShadowReport[];
  /** Closes an evaluation at `atMs`, in ms since the epoch. Its results in flight are still added. */
  close(evaluation: Evaluation, atMs: number, why: ClosedWhy): void;
  /** Adds a sample to the evaluation that was running when its request was sent. */
  add(key: string, sample: Sample): void;
  /** Evaluates those whose results are complete, and drops their samples. `isFresh`: evaluates all. Returns true if a report has changed. */
  settle(nowMs: number, isFresh: boolean): boolean;
}

/** Maximum reports that are kept. */
const maxReports = 16;
/** Maximum evaluations that keep their samples to wait for results: about 20 MB each. */
const maxWaiting = 4;

interface Waiting {
  readonly evaluation: Evaluation;
  readonly atMs: number;
  readonly why: ClosedWhy;
}

/** @param judgeAt evaluates as of a time, in ms since the epoch */
export function createClosedEvaluations(
  judgeAt: (evaluation: Evaluation, atMs: number) => ShadowReport,
): ClosedEvaluations {
  const waiting: Waiting[] = [];
  /** Newest first. */
  const reports = new Map<Evaluation, ShadowReport>();

  function report({ evaluation, atMs, why }: Waiting): void {
    const judged = judgeAt(evaluation, atMs);
    const closed = { at: new Date(atMs).toISOString(), why };
    reports.set(evaluation, { ...judged, evaluation: { ...judged.evaluation, closed } });
    while (reports.size > maxReports) {
      const [oldest] = reports.keys();
      if (oldest !== undefined) reports.delete(oldest);
    }
  }

  return {
    get reports() {
      return [...reports.values()].toReversed();
    },
    close(evaluation, atMs, why) {
      const { setup, startedAtMs } = evaluation;
      // A control has no report of its own, and without a request there is nothing to report.
      const isReported = setup.role === "candidate" && startedAtMs !== undefined;
      const next = { evaluation, atMs, why };
      if (isReported) report(next);
      waiting.push(next);
      if (waiting.length > maxWaiting) waiting.shift();
    },
    add(key, sample) {
      const found = waiting.findLast(
        ({ evaluation }) => evaluation.setup.key === key && hasBegunBy(evaluation, sample.t0),
      );
      if (found !== undefined) keep(found.evaluation, sample);
    },
    settle(nowMs, isFresh) {
      let hasChanged = false;
      for (const each of waiting.splice(0)) {
        const { evaluation, atMs } = each;
        const isComplete = openRequests(evaluation) === 0 || nowMs - atMs >= longestWaitMs;
        const hasNew = evaluation.seen !== sampleCount(evaluation);
        if (reports.has(evaluation) && hasNew && (isComplete || isFresh)) {
          report(each);
          hasChanged = true;
        }
        if (!isComplete) waiting.push(each);
      }
      return hasChanged;
    },
  };
}
