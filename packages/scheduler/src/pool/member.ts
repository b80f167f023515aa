import { adapterSlots, type Endpoint } from "../model/endpoint.ts";
import type { BlockLru } from "../prefix/block-lru.ts";
import { type AnswerCounts, createAnswerCounts } from "./error-share.ts";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** An endpoint as its pool keeps it. */
export interface Member extends Writable<Omit<Endpoint, "address" | "recentAdapters">> {
  readonly address: string;
  readonly recentAdapters: Set<string>;
  ttftSeenMs: number;
  readonly seatMemory: SeatMemory;
  scrapeStartedMs: number;
  lastFailure: ScrapeFailure | undefined;
  /** When its server gave its first good answer, in ms of the pool's clock; undefined before. */
  firstGoodMs: number | undefined;
  /** Names that its own list has; undefined before it was read. */
  models: ReadonlyMap<string, "base" | "adapter"> | undefined;
  /** What its health page says; true where none is read. */
  isHealthPageReady: boolean;
  /** How long its metrics count as fresh, in ms, where that is longer than the pool's age. */
  freshForMs: number;
  /** In no order; each knows its place. */
  readonly open: OpenRequest[];
  /** What its KV cache is believed to hold; undefined before the first prompt. */
  blocks: BlockLru | undefined;
  /** Serial of the pick that `cachedBlocks` is of. */
  cachedFor: number;
  cachedBlocks: number;
  readonly health: Health;
}

/** What is remembered to learn how many requests a server runs at once. */
export interface SeatMemory {
  /** Most requests seen running at once. */
  largestBatch: number;
  /** When so many ran last, in ms of the pool's clock. */
  seenAtMs: number;
  /** How long others waited while so many ran, in ms. */
  fullMs: number;
  /** They did at the newest scrape. */
  wasFull: boolean;
  /** Of the newest scrape, in ms of the pool's clock. */
  scrapedAtMs: number;
}

/** Why the newest scrape of an endpoint failed. */
export interface NewScrapeFailure {
  /** For people, with all that is known. */
  readonly reason: string;
  /** In a few words and without addresses: clients may see it. */
  readonly kind: string;
  /** From the scrape to the next one. */
  readonly backOffMs?: number | undefined;
}

interface ScrapeFailure extends NewScrapeFailure {
  readonly atMs: number;
}

export interface OpenRequest {
  member: Member;
  readonly sentAtMs: number;
  /** Place in `member.open`. */
  index: number;
  promptTokens: number;
  readonly outputTokens: number;
  isOpen: boolean;
  /** The LoRA adapter that it was picked for. */
  adapter: string | undefined;
  /** Its prompt's place in the view of prefixes. */
  promptAt: number;
  promptBlocks: number;
  /** Leading blocks of the prompt that the member held before the request. */
  heldBlocks: number;
}

export interface Health {
  failuresInARow: number;
  /** Ejections since it was last well for as long as it had been out. */
  ejections: number;
  ejectedUntilMs: number;
  lastEjectionMs: number;
  /** Back from an ejection, and not yet seen to work. */
  isOnProbation: boolean;
  readonly counts: AnswerCounts;
  /** The smallest share of errors of its peers when they were last compared, 0 to 1. */
  leastErrorShare: number;
  /** Answers that it is full while nothing seems to run there; its next metrics tell whether they are failures. */
  busyAnswers: number;
  /** Was avoided or ejected, and has not answered well since: it gets one request at a time. */
  isDistrusted: boolean;
  /** When it got the newest of those. */
  triedAtMs: number;
  avoidedToldMs: number;
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
      avoidedToldMs: Number.NEGATIVE_INFINITY,
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
    // Whole numbers add up to 0 again.
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

/** The request's prompt is computed. */
export function promptDone(request: OpenRequest): void {
  request.member.pendingPromptTokens -= request.promptTokens;
  request.promptTokens = 0;
}

/** Takes a request out of those in flight; once. */
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

export function rememberAdapter(member: Member, adapter: string): void {
  member.recentAdapters.delete(adapter);
  member.recentAdapters.add(adapter);
  forgetAdapters(member, adapterSlots(member));
}

/** An endpoint that holds `limit` adapters has thrown out the least recently used ones. */
export function forgetAdapters({ recentAdapters }: Member, limit: number): void {
  for (const adapter of recentAdapters) {
    if (recentAdapters.size <= limit) return;
    recentAdapters.delete(adapter);
  }
}
