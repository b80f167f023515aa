import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/** Without a full batch for so long a server may have been given other work: longer requests, more adapters. */
const keptMs = 600_000;
/** A batch that stands still for less may wait for a long prompt or for an adapter to be loaded. */
const provenAfterMs = 1_000;
/** Where the KV cache keeps requests waiting, the batch has seats left. */
const fullKvCache = 0.95;

/**
 * Learns from a scrape how many requests the server runs at once, where it does not say: the size of its largest batch,
 * once requests have waited at that size for a second in all. A larger batch shows that it was wrong, and the learning
 * begins anew; after ten minutes without a batch of that size it is forgotten.
 */
export function learnSeats(member: Member, metrics: ModelServerMetrics): void {
  const { maxRunningRequests, runningRequests, waitingRequests, scrapedAtMs } = metrics;
  if (maxRunningRequests !== undefined) {
    member.seats = maxRunningRequests;
    return;
  }
  const memory = member.seatMemory;
  const sinceMs = scrapedAtMs - memory.scrapedAtMs;
  memory.scrapedAtMs = scrapedAtMs;
  if (runningRequests > memory.largestBatch || scrapedAtMs - memory.seenAtMs > keptMs) {
    forgetSeats(member);
    memory.largestBatch = runningRequests;
  }
  const isLargest = runningRequests === memory.largestBatch;
  if (isLargest) memory.seenAtMs = scrapedAtMs;
  const isFull = isLargest && waitingRequests > 0 && !waitsForOtherThanSeats(metrics);
  if (isFull && memory.wasFull) memory.fullMs += sinceMs;
  memory.wasFull = isFull;
  if (memory.fullMs >= provenAfterMs && runningRequests > 0) member.seats = memory.largestBatch;
}

function waitsForOtherThanSeats(metrics: ModelServerMetrics): boolean {
  const { kvCacheUsage = 0, activeAdapters, maxActiveAdapters = 0 } = metrics;
  return (
    kvCacheUsage >= fullKvCache ||
    (maxActiveAdapters > 0 && activeAdapters.size > maxActiveAdapters)
  );
}

/** What was learned does not hold any more. */
export function forgetSeats(member: Member): void {
  member.seats = undefined;
  member.seatMemory.largestBatch = 0;
  member.seatMemory.fullMs = 0;
  member.seatMemory.wasFull = false;
}
