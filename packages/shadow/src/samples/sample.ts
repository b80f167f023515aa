import type { LegClass } from "../measure/leg.ts";
import type { RequestKind } from "../measure/request-kind.ts";

/**
 * One request in a samples file: numbers and hashes, never text. A line of NDJSON is one of these. `null` where a
 * number is not known; readers ignore fields that they do not know.
 */
export interface Sample {
  readonly v: 1;
  /** Hash of the request id. */
  readonly id: string;
  /** Dispatch of the primary, in ms since the epoch. */
  readonly t0: number;
  /** `namespace/name` of the HTTPRoute. */
  readonly route: string;
  /** `namespace/pool` of the shadow pool that the request was, or could have been, mirrored to. */
  readonly candidate: string;
  readonly mirrored: boolean;
  /** Why an eligible request that was sampled was not mirrored. */
  readonly drop: DropReason | null;
  /** Hash of the session. */
  readonly session: string | null;
  readonly primary: SampleLeg;
  /** Null when not mirrored, and when the twin never came. */
  readonly shadow: SampleLeg | null;
  /** The gateway never sent the copy: the shadow has no part in it. Absent otherwise. */
  readonly unsent?: boolean;
  /** The shadow had the copy, and there was no room to measure its answer. Absent otherwise. */
  readonly unmeasured?: boolean;
  /** From the primary's dispatch to the shadow's, in ms. */
  readonly lag?: number | null;
  /** What kind of request it is; absent where nobody looked. */
  readonly request?: RequestKind | null;
}

/** What one lane did with the request. Times in ms from that lane's own dispatch. */
export interface SampleLeg {
  /** 0 when no response headers came; null when the leg was not observed. */
  readonly status: number | null;
  readonly class: LegClass | null;
  readonly stream: boolean | null;
  /** First token event. Null without streaming. */
  readonly ttft: number | null;
  /** First token event that a reader sees: reasoning left out. */
  readonly ttfo: number | null;
  /** Per token behind the first. */
  readonly tpot: number | null;
  /** Last token event; without streaming the end of the body. */
  readonly e2e: number | null;
  readonly outTokens: number | null;
  readonly tokenSource: "usage" | "chunks" | null;
  /** Unicode code points of visible text. */
  readonly outChars: number | null;
  readonly promptTokens: number | null;
  /** Of the prompt, found in the prefix cache. */
  readonly cachedTokens: number | null;
  readonly promptBytes: number | null;
  readonly finish: string | null;
  /** `ip:port` */
  readonly endpoint: string | null;
  readonly attempts: number | null;
  /** Per code point of visible text behind the first event: for lanes with different tokenizers. */
  readonly tpoc?: number | null;
  /** Longest gap between two token events. */
  readonly stall?: number | null;
}

export const dropReasons = [
  "concurrency",
  "rate",
  "size",
  "requests",
  "tokens",
  "duration",
  "breaker",
  "paused",
  "protection",
] as const;

/** Why an eligible, sampled request was not mirrored. */
export type DropReason = (typeof dropReasons)[number];
