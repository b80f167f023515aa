import { adapterSlots, type Endpoint } from "../model/endpoint.ts";
import type { BlockLru } from "../prefix/block-lru.ts";
import { type AnswerCounts, createAnswerCounts } from "./error-share.ts";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A pool's mutable state of one endpoint. */
export interface Member extends Writable<Omit<Endpoint, "address" | "recentAdapters">> {
  readonly address: string;
  readonly recentAdapters: Set<string>;
  ttftSeenMs: number;
  readonly seatMemory: SeatMemory;
  scrapeStartedMs: number;
  lastFailure: ScrapeFailure | undefined;
  /** Time of the server's first good answer, in ms of the pool's clock; undefined before it. */
  firstGoodMs: number | undefined;
  /** Names on the endpoint's model list; undefined until the list is read. */
  models: ReadonlyMap<string, "base" | "adapter"> | undefined;
  /** Whether the health page reports ready; true if no health page is read. */
  isHealthPageReady: boolean;
  /** How long metrics count as fresh, in ms, if longer than the pool's `staleAfterMs`. */
  freshForMs: number;
  /** Requests in flight, in no particular order; each stores its index. */
  readonly open: OpenRequest[];
  /** Prompt blocks that are probably in the endpoint's KV cache; undefined before the first prompt. */
  blocks: BlockLru | undefined;
  /** Serial number of the pick that `cachedBlocks` was computed for. */
  cachedFor: number;
  cachedBlocks: number;
  /** The part of its counts that other processes have in flight. */
  readonly peers: PeerShare;
  readonly health: Health;
}

/** What other processes have in flight at an endpoint. */
export interface PeerShare {
  inFlight: number;
  pendingPromptTokens: number;
  pendingOutputTokens: number;
  sentSinceScrape: number;
  /** Known at the newest scrape. */
  inFlightAtScrape: number;
}

/** State for learning how many requests a server runs at once. */
export interface SeatMemory {
  /** Most requests seen running at once. */
  largestBatch: number;
  /** When the batch was last that large, in ms of the pool's clock. */
  seenAtMs: number;
  /** How long requests waited while the batch was that large, in ms. */
  fullMs: number;
  /** Whether requests waited and the batch was that large at the newest scrape. */
  wasFull: boolean;
  /** Time of the newest scrape, in ms of the pool's clock. */
  scrapedAtMs: number;
}

/** Why the newest scrape of an endpoint failed. */
export interface NewScrapeFailure {
  /** Full reason, for operators. */
  readonly reason: string;
  /** Short reason without addresses, which clients may see. */
  readonly kind: string;
  /** Time from this scrape to the next, in ms. */
  readonly backOffMs?: number | undefined;
}

interface ScrapeFailure extends NewScrapeFailure {
  readonly atMs: number;
}

export interface OpenRequest {
  member: Member;
  readonly sentAtMs: number;
  /** Index in `member.open`. */
  index: number;
  promptTokens: number;
  readonly outputTokens: number;
  isOpen: boolean;
  /** The LoRA adapter the request asks for. */
  adapter: string | undefined;
  /** Position of the prompt's first hash in the prefix view. */
  promptAt: number;
  promptBlocks: number;
  /** Leading blocks of the prompt that the member held before the request. */
  heldBlocks: number;
}

export interface Health {
  failuresInARow: number;
  /** Number of ejections, reset once the endpoint has worked for as long as its last ejection. */
  ejections: number;
  ejectedUntilMs: number;
  lastEjectionMs: number;
  /** Reinstated after an ejection, but without a good answer yet. */
  isOnProbation: boolean;
  readonly counts: AnswerCounts;
  /** Smallest error share among its peers at the last comparison, 0 to 1. */
  leastErrorShare: number;
  /** Answers reporting saturation while no request seemed to run. The next metrics show whether they were failures. */
  busyAnswers: number;
  /** Was avoided or ejected and has not given a good answer since: it gets one trial request at a time. */
  isDistrusted: boolean;
  /** Time of the newest trial request. */
  triedAtMs: number;
  avoidedReportedMs: number;
}

export function createMember(address: string): Member {
  return {
    address,
    labels: {},
    metrics: { kind: "missing" },
    inFlight: 0,
    sentSinceScrape: 0,
    pendingPromptTokens: 0,
    pendingOutputTokens: 0,
    ttftMs: undefined,
    ttftSeenMs: 0,
    isEjected: false,
    errorShare: 0,
    isAvoided: false,
    recentAdapters: new Set(),
    seats: undefined,
    seatMemory: { largestBatch: 0, seenAtMs: 0, fullMs: 0, wasFull: false, scrapedAtMs: 0 },
    scrapeStartedMs: Number.NEGATIVE_INFINITY,
    lastFailure: undefined,
    firstGoodMs: undefined,
    models: undefined,
    isReady: true,
    isHealthPageReady: true,
    freshForMs: 0,
    open: [],
    blocks: undefined,
    cachedFor: -1,
    cachedBlocks: 0,
    peers: {
      ...{ inFlight: 0, pendingPromptTokens: 0, pendingOutputTokens: 0 },
      ...{ sentSinceScrape: 0, inFlightAtScrape: 0 },
    },
    health: {
      failuresInARow: 0,
      ejections: 0,
      ejectedUntilMs: 0,
      lastEjectionMs: 0,
      isOnProbation: false,
      counts: createAnswerCounts(),
      leastErrorShare: 0,
      busyAnswers: 0,
      isDistrusted: false,
      triedAtMs: Number.NEGATIVE_INFINITY,
      avoidedReportedMs: Number.NEGATIVE_INFINITY,
    },
  };
}

export function open(
  member: Member,
  sentAtMs: number,
  promptTokens: number,
  outputTokens: number,
): OpenRequest {
  const request = {
    member,
    sentAtMs,
    index: member.open.length,
    // Integers, so that sums return to exactly 0.
    promptTokens: Math.round(promptTokens),
    outputTokens: Math.round(outputTokens),
    isOpen: true,
    adapter: undefined,
    promptAt: 0,
    promptBlocks: 0,
    heldBlocks: 0,
  };
  enter(member, request);
  return request;
}

function enter(member: Member, request: OpenRequest): void {
  request.index = member.open.length;
  member.open.push(request);
  member.inFlight++;
  if (request.sentAtMs >= member.scrapeStartedMs) member.sentSinceScrape++;
  member.pendingPromptTokens += request.promptTokens;
  member.pendingOutputTokens += request.outputTokens;
}

export function move(request: OpenRequest, member: Member): void {
  leave(request);
  request.member = member;
  enter(member, request);
}

/** Marks the request's prompt as computed. */
export function promptDone(request: OpenRequest): void {
  request.member.pendingPromptTokens -= request.promptTokens;
  request.promptTokens = 0;
}

/** Removes a request from those in flight. Call once. */
export function close(request: OpenRequest): void {
  request.isOpen = false;
  leave(request);
  request.promptTokens = 0;
}

function leave(request: OpenRequest): void {
  const { member } = request;
  member.pendingPromptTokens -= request.promptTokens;
  member.inFlight--;
  if (request.sentAtMs >= member.scrapeStartedMs) member.sentSinceScrape--;
  member.pendingOutputTokens -= request.outputTokens;
  const last = member.open.pop() as OpenRequest;
  if (last === request) return;
  member.open[request.index] = last;
  last.index = request.index;
}

export function recordAdapter(member: Member, adapter: string): void {
  member.recentAdapters.delete(adapter);
  member.recentAdapters.add(adapter);
  evictAdapters(member, adapterSlots(member));
}

/** Drops the least recently used adapters beyond `limit`, which the endpoint has evicted. */
export function evictAdapters({ recentAdapters }: Member, limit: number): void {
  for (const adapter of recentAdapters) {
    if (recentAdapters.size <= limit) return;
    recentAdapters.delete(adapter);
  }
}
