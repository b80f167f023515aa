import type { FunnelCounts } from "@umbra/shadow";
import { defined } from "@umbra/shadow/defined";
import type { PageCounts } from "./samples-page.ts";
import type { EvaluationNow } from "./worker-messages.ts";

/** What all peers together know of an evaluation. What they see equally, such as engines, is this one's. */
export function mergedNow(own: EvaluationNow, others: readonly PageCounts[]): EvaluationNow {
  if (others.length === 0) return own;
  const starts = [own.startedAtMs, ...others.map(({ startedAtMs }) => startedAtMs)];
  const known = starts.filter((each) => each !== undefined);
  const peaks = [own.peakPerSecond, ...others.map(({ peakPerSecond }) => peakPerSecond)];
  const total = (of: (each: PageCounts) => number) =>
    others.reduce((sum, each) => sum + of(each), 0);
  const [primary, shadow] = [
    total(({ requests }) => requests.primary),
    total(({ requests }) => requests.shadow),
  ];
  return {
    ...own,
    counts: others.reduce((sum, { funnel }) => sumOfCounts(sum, funnel), own.counts),
    loadRatio: mergedRatio(own, { primary, shadow }),
    // Peaks of the peers need not be at one time: their sum is the most there can have been.
    ...defined({
      peakPerSecond: peaks.every((each) => each === undefined)
        ? undefined
        : peaks.reduce<number>((sum, each) => sum + (each ?? 0), 0),
      startedAtMs: known.length === 0 ? undefined : Math.min(...known),
    }),
    // Each peer has a part of the budget.
    isBudgetSpent: own.isBudgetSpent && others.every((each) => each.isBudgetSpent),
    captured: own.captured + total(({ captured }) => captured),
    baseline: withRequests(own.baseline, primary),
    candidate: withRequests(own.candidate, shadow),
  };
}

/** All peers send to the same endpoints, so only the numbers of requests differ. */
function mergedRatio(
  { loadRatio, baseline, candidate }: EvaluationNow,
  others: { readonly primary: number; readonly shadow: number },
): number | undefined {
  const [primary = 0, shadow = 0] = [baseline.load?.requests, candidate.load?.requests];
  if (loadRatio === undefined || primary === 0 || shadow === 0) return loadRatio;
  const own = shadow / primary;
  return (loadRatio * ((shadow + others.shadow) / (primary + others.primary))) / own;
}

function withRequests(lane: EvaluationNow["baseline"], more: number): EvaluationNow["baseline"] {
  return lane.load === undefined
    ? lane
    : { ...lane, load: { ...lane.load, requests: lane.load.requests + more } };
}

function sumOfCounts(a: FunnelCounts, b: FunnelCounts): FunnelCounts {
  return {
    eligible: (a.eligible ?? 0) + (b.eligible ?? 0),
    sampled: (a.sampled ?? 0) + (b.sampled ?? 0),
    dispatched: (a.dispatched ?? 0) + (b.dispatched ?? 0),
    dropped: sumOfReasons(a.dropped, b.dropped),
    not_eligible: sumOfReasons(a.not_eligible, b.not_eligible),
  };
}

type Reasons = Readonly<Record<string, number>>;

function sumOfReasons(a: Reasons = {}, b: Reasons = {}): Reasons {
  const sum: Record<string, number> = { ...a };
  for (const [reason, count] of Object.entries(b)) sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}
