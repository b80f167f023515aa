import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/**
 * Batches below this size need longer proof, because requests may be waiting for the token budget of long prompts
 * instead of a seat.
 */
const smallBatch = 8;
/** How long a small batch must be full at every scrape to prove its number of seats, in ms. */
const smallProvenAfterMs = 5_000;
/**
 * Prompt tokens a server computes in one step (vLLM's default). With more pending, a request may be waiting for other
 * prompts instead of a seat.
 */
const stepTokens = 2_048;
/** Longest time between two scrapes that counts as observed, in ms. */
const longestGapMs = 500;
/** The same limit in scrape intervals. */
const longestGapIntervals = 2;
/**
 * How long a learned number of seats is kept without another full batch, in ms: the work may have changed to longer
 * requests or more adapters.
 */
const keptMs = 600_000;
/**
 * How long a batch must be full to prove its number of seats, in ms. Within less time, requests may be waiting for a
 * long prompt or for an adapter to load.
 */
const provenAfterMs = 1_000;
/** From this KV-cache usage on, requests may be waiting for cache space while seats are free. */
const fullKvCache = 0.95;

/**
 * Learns the number of requests a server runs at once, if the server does not report it. It is the size of the largest
 * batch at which requests have waited for 1 s in total, or for 5 s in a row for batches below 8. A larger batch resets
 * it, and so do ten minutes without a full batch of that size.
 */
export function learnSeats(
  member: Member,
  metrics: ModelServerMetrics,
  intervalMs: number = Number.POSITIVE_INFINITY,
): void {
  const { maxRunningRequests, runningRequests, waitingRequests, scrapedAtMs } = metrics;
  if (maxRunningRequests !== undefined) {
    member.seats = maxRunningRequests;
    return;
  }
  const memory = member.seatMemory;
  const longestMs = Math.min(longestGapMs, longestGapIntervals * intervalMs);
  const sinceMs = Math.min(scrapedAtMs - memory.scrapedAtMs, longestMs);
  memory.scrapedAtMs = scrapedAtMs;
  if (runningRequests > memory.largestBatch || scrapedAtMs - memory.seenAtMs > keptMs) {
    resetSeats(member);
    memory.largestBatch = runningRequests;
    memory.seenAtMs = scrapedAtMs;
  }
  const isLargest = runningRequests === memory.largestBatch;
  const isFull =
    isLargest &&
    waitingRequests > 0 &&
    member.pendingPromptTokens <= stepTokens &&
    !waitsForCacheOrAdapter(metrics);
  if (isFull) memory.seenAtMs = scrapedAtMs;
  const isSmall = runningRequests < smallBatch;
  if (!isFull && isSmall) memory.fullMs = 0;
  if (isFull && memory.wasFull) memory.fullMs += sinceMs;
  memory.wasFull = isFull;
  const provenMs = isSmall ? smallProvenAfterMs : provenAfterMs;
  if (isFull && memory.fullMs >= provenMs && runningRequests > 0)
    member.seats = memory.largestBatch;
}

function waitsForCacheOrAdapter(metrics: ModelServerMetrics): boolean {
  const { kvCacheUsage = 0, activeAdapters, maxActiveAdapters = 0 } = metrics;
  return (
    kvCacheUsage >= fullKvCache ||
    (maxActiveAdapters > 0 && activeAdapters.size > maxActiveAdapters)
  );
}

/** Discards the learned number of seats. */
export function resetSeats(member: Member): void {
  member.seats = undefined;
  member.seatMemory.largestBatch = 0;
  member.seatMemory.fullMs = 0;
  member.seatMemory.wasFull = false;
}
