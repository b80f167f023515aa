import { defaultProfile } from "./default-profile.ts";
import {
  type Endpoint,
  type MetricsState,
  type ModelServerMetrics,
  queueLength,
} from "./model/endpoint.ts";
import type { InferenceRequest } from "./model/request.ts";
import type { Profile } from "./profile.ts";

export interface PoolOptions {
  readonly name: string;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Age from which metrics count as stale, in ms; 2,000 when absent. */
  readonly staleAfterMs?: number;
  /** Endpoints named after the picked one, to be tried if it can't be reached; 2 when absent. */
  readonly maxFallbacks?: number;
  /** The default profile when absent. */
  readonly profile?: Profile;
}

/** State of one pool: endpoints and scrapes go in, picks come out. Synchronous, without I/O. */
export interface PoolState {
  readonly name: string;
  /** Names the endpoints. What is known of those that stay is kept. */
  setEndpoints(addresses: readonly string[]): void;
  /** Takes the metrics of a scrape that was sent at `startedMs` of the pool's clock. Of a stranger it takes none. */
  recordScrape(address: string, metrics: ModelServerMetrics, startedMs: number): void;
  /** Notes why a scrape failed. The old metrics stay, and age. */
  recordScrapeFailure(address: string, reason: string): void;
  /** For people and tests: plain data, unchanged by what comes after. */
  snapshot(): PoolSnapshot;
  pick(request: InferenceRequest): PickResult;
}

export type PickResult =
  | {
      readonly ok: true;
      readonly endpoint: string;
      /** The next best, best first. */
      readonly fallbacks: readonly string[];
      readonly lease: Lease;
    }
  | { readonly ok: false; readonly code: SchedulingErrorCode };

/** Why a request was not placed. Stable: shows in logs, metric labels and answers. */
export type SchedulingErrorCode = "POOL_EMPTY" | "POOL_SATURATED";

/** One request in flight. */
export interface Lease {
  readonly endpoint: string;
  /** The request has finished, or was cancelled. Only the first call counts. */
  end(): void;
}

export interface PoolSnapshot {
  readonly name: string;
  readonly endpoints: readonly EndpointSnapshot[];
}

export interface EndpointSnapshot extends Endpoint {
  /** Since the newest scrape that worked, in ms. */
  readonly metricsAgeMs?: number;
  /** Why the newest scrape failed; absent when it worked. */
  readonly lastFailure?: string;
}

interface Member extends Endpoint {
  metrics: MetricsState;
  inFlight: number;
  sentSinceScrape: number;
  readonly recentAdapters: Set<string>;
  scrapeStartedMs: number;
  /** Open and ended leases since the newest scrape began, oldest first. */
  sent: OpenLease[];
  lastFailure: string | undefined;
}

interface OpenLease extends Lease {
  readonly sentAtMs: number;
  isOpen: boolean;
}

/** Adapters remembered of an endpoint that does not say how many it holds. */
const unknownAdapterLimit = 16;

/** Creates a pool with no endpoint. */
export function createPool(options: PoolOptions): PoolState {
  const { name, now, random, staleAfterMs = 2_000, maxFallbacks = 2 } = options;
  const profile = options.profile ?? defaultProfile(random);
  let byAddress = new Map<string, Member>();
  let members: readonly Member[] = [];

  function age(): void {
    const oldestMs = now() - staleAfterMs;
    for (const member of members) {
      const { metrics } = member;
      if (metrics.kind === "fresh" && metrics.metrics.scrapedAtMs < oldestMs) {
        member.metrics = { kind: "stale", metrics: metrics.metrics };
      }
    }
  }

  function lease(member: Member): Lease {
    const open: OpenLease = {
      endpoint: member.address,
      sentAtMs: now(),
      isOpen: true,
      end() {
        if (!open.isOpen) return;
        open.isOpen = false;
        member.inFlight--;
        if (open.sentAtMs >= member.scrapeStartedMs) member.sentSinceScrape--;
      },
    };
    member.inFlight++;
    member.sentSinceScrape++;
    // An endpoint that no scrape reaches would keep every ended lease.
    if (member.sent.length > 64 && member.sent.length > 2 * member.sentSinceScrape) {
      member.sent = member.sent.filter(({ isOpen }) => isOpen);
    }
    member.sent.push(open);
    return open;
  }

  return {
    name,

    setEndpoints(addresses) {
      byAddress = new Map(
        addresses.map((each) => [each, byAddress.get(each) ?? createMember(each)]),
      );
      members = [...byAddress.values()];
    },

    recordScrape(address, metrics, startedMs) {
      const member = byAddress.get(address);
      if (member === undefined) return;
      member.metrics = { kind: "fresh", metrics };
      member.lastFailure = undefined;
      member.scrapeStartedMs = startedMs;
      member.sent = member.sent.filter(({ isOpen, sentAtMs }) => isOpen && sentAtMs >= startedMs);
      member.sentSinceScrape = member.sent.length;
      forgetAdapters(member, metrics.maxActiveAdapters);
    },

    recordScrapeFailure(address, reason) {
      const member = byAddress.get(address);
      if (member !== undefined) member.lastFailure = reason;
    },

    snapshot() {
      age();
      return { name, endpoints: members.map((member) => endpointSnapshot(member, now())) };
    },

    pick(request) {
      age();
      const picked = profile(request, members);
      if (picked === undefined) {
        return { ok: false, code: members.length === 0 ? "POOL_EMPTY" : "POOL_SATURATED" };
      }
      const member = picked as Member;
      const fallbacks = nextBest(members, member, maxFallbacks);
      if (request.adapter !== undefined) rememberAdapter(member, request.adapter);
      return { ok: true, endpoint: member.address, fallbacks, lease: lease(member) };
    },
  };
}

function createMember(address: string): Member {
  return {
    address,
    metrics: { kind: "missing" },
    inFlight: 0,
    sentSinceScrape: 0,
    recentAdapters: new Set(),
    scrapeStartedMs: Number.NEGATIVE_INFINITY,
    sent: [],
    lastFailure: undefined,
  };
}

function endpointSnapshot(member: Member, nowMs: number): EndpointSnapshot {
  const { address, metrics, inFlight, sentSinceScrape, recentAdapters, lastFailure } = member;
  return {
    address,
    metrics,
    inFlight,
    sentSinceScrape,
    recentAdapters: new Set(recentAdapters),
    ...(metrics.kind === "missing" ? {} : { metricsAgeMs: nowMs - metrics.metrics.scrapedAtMs }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  };
}

/** Moves the adapter to the newest place. */
function rememberAdapter(member: Member, adapter: string): void {
  member.recentAdapters.delete(adapter);
  member.recentAdapters.add(adapter);
  const { metrics } = member;
  forgetAdapters(
    member,
    metrics.kind === "missing" ? unknownAdapterLimit : metrics.metrics.maxActiveAdapters,
  );
}

/** An endpoint that holds `limit` adapters has thrown out the least recently used ones. */
function forgetAdapters({ recentAdapters }: Member, limit: number): void {
  for (const adapter of recentAdapters) {
    if (recentAdapters.size <= limit) return;
    recentAdapters.delete(adapter);
  }
}

const freshness = { fresh: 0, stale: 1, missing: 2 } as const;

/** The best `count` besides the picked one: fresh before stale, then by queue. */
function nextBest(members: readonly Member[], picked: Member, count: number): readonly string[] {
  const best: Member[] = [];
  for (const member of members) {
    if (member === picked) continue;
    let at = best.length;
    for (; at > 0; at--) {
      const before = best[at - 1];
      if (before === undefined || !isBetter(member, before)) break;
    }
    if (at < count) {
      best.splice(at, 0, member);
      if (best.length > count) best.pop();
    }
  }
  return best.map(({ address }) => address);
}

function isBetter(a: Member, b: Member): boolean {
  const difference = freshness[a.metrics.kind] - freshness[b.metrics.kind];
  return difference === 0 ? queueLength(a) < queueLength(b) : difference < 0;
}
