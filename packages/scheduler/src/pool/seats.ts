import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/** A smaller batch may wait for the token budget of long prompts, so it proves seats only when it stands for longer. */
const smallBatch = 8;
/** A small batch that is full at every scrape for so long, in ms, has no more seats. */
const smallProvenAfterMs = 5_000;
/** Prompt tokens that a server computes in one step: beyond that a request may wait for others' prompts. vLLM's default. */
const stepTokens = 2_048;
/** The longest time between two scrapes that counts, in ms: nobody knows what happened in between. */
const longestGapMs = 500;
/** The same, in scrape intervals. */
const longestGapIntervals = 2;
/** Without a full batch for so long a server may have been given other work: longer requests, more adapters. */
const keptMs = 600_000;
/** A batch that stands still for less may wait for a long prompt or for an adapter to be loaded. */
const provenAfterMs = 1_000;
/** Where the KV cache keeps requests waiting, the batch has seats left. */
const fullKvCache = 0.95;

/**
 * Learns from a scrape how many requests the server runs at once, where it does not say: the size of its largest batch,
 * once requests have waited at that size for a second in all; for 5 s in a row where fewer than 8 run. A larger batch shows that it was wrong, and the learning
 * starts again; after ten minutes without a full batch of that size it is forgotten.
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
    forgetSeats(member);
    memory.largestBatch = runningRequests;
    memory.seenAtMs = scrapedAtMs;
  }
  const isLargest = runningRequests === memory.largestBatch;
  const isFull =
    isLargest &&
    waitingRequests > 0 &&
    member.pendingPromptTokens <= stepTokens &&
    !waitsForOtherThanSeats(metrics);
  if (isFull) memory.seenAtMs = scrapedAtMs;
  const isSmall = runningRequests < smallBatch;
  if (!isFull && isSmall) memory.fullMs = 0;
  if (isFull && memory.wasFull) memory.fullMs += sinceMs;
  memory.wasFull = isFull;
  const provenMs = isSmall ? smallProvenAfterMs : provenAfterMs;
  if (isFull && memory.fullMs >= provenMs && runningRequests > 0)
    member.seats = memory.largestBatch;
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
