import type { Endpoint } from "../model/endpoint.ts";
import type { Member } from "./member.ts";

/** A pool's state at one moment. */
export interface PoolSnapshot {
  readonly name: string;
  /** 0 is idle, 1 and above is saturated. */
  readonly saturation: number;
  readonly endpoints: readonly EndpointSnapshot[];
}

/** What a pool knows about one endpoint at one moment. */
export interface EndpointSnapshot extends Endpoint {
  /** Time since the newest successful scrape, in ms. */
  readonly metricsAgeMs?: number;
  /** Why the newest scrape failed; absent if it succeeded. */
  readonly lastFailure?: string;
  /** Time between the newest failed scrape and the next one, in ms; absent if it succeeded. */
  readonly scrapeBackOffMs?: number;
  /** The part of `inFlight` that other processes have sent; absent if they report none. */
  readonly peersInFlight?: number;
  /** Number of prompt blocks that are probably in its cache. */
  readonly prefixBlocks: number;
}

export function endpointSnapshot(member: Member, nowMs: number): EndpointSnapshot {
  const { metrics, lastFailure } = member;
  const scrapeBackOffMs = lastFailure?.backOffMs;
  return {
    address: member.address,
    labels: member.labels,
    metrics,
    inFlight: member.inFlight,
    sentSinceScrape: member.sentSinceScrape,
    pendingPromptTokens: member.pendingPromptTokens,
    pendingOutputTokens: member.pendingOutputTokens,
    ttftMs: member.ttftMs,
    isReady: member.isReady,
    isEjected: member.isEjected,
    errorShare: member.errorShare,
    isAvoided: member.isAvoided,
    recentAdapters: new Set(member.recentAdapters),
    seats: member.seats,
    prefixBlocks: member.blocks?.size ?? 0,
    ...(member.peers.inFlight === 0 ? {} : { peersInFlight: member.peers.inFlight }),
    ...(metrics.kind === "missing" ? {} : { metricsAgeMs: nowMs - metrics.metrics.scrapedAtMs }),
    ...(lastFailure === undefined ? {} : { lastFailure: lastFailure.reason }),
    ...(scrapeBackOffMs === undefined ? {} : { scrapeBackOffMs }),
  };
}
