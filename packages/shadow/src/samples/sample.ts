import type { LegClass } from "../measure/leg.ts";
import type { RequestKind } from "../measure/request-kind.ts";
import type { SampleJudged } from "./judged-fields.ts";
import type { SampleAgreement, SampleOutput, SampleRequest } from "./output-fields.ts";

/**
 * One request in a samples file, a line of NDJSON: numbers and hashes, never text. Unknown numbers are `null`. Readers
 * ignore unknown fields.
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
  /** Null if not mirrored or if the twin never arrived. */
  readonly shadow: SampleLeg | null;
  /** True if the gateway never sent the twin, so that the shadow is not responsible. Absent otherwise. */
  readonly unsent?: boolean;
  /** The shadow had the copy, and there was no room to measure its answer. Absent otherwise. */
  readonly unmeasured?: boolean;
  /** From the primary's dispatch to the shadow's, in ms. */
  readonly lag?: number | null;
  /** Kind of request; absent if it was not determined. */
  readonly request?: RequestKind | null;
  /** What the comparison of answers knows of the request; absent if answers were not looked at. */
  readonly req?: SampleRequest;
  /** Agreement of the shadow's answer with the primary's; absent if answers were not looked at. */
  readonly cmp?: SampleAgreement;
  /** Verdict of a judge model on both answers; absent if the pair was not drawn for it. */
  readonly judged?: SampleJudged;
}

/** What one lane did with the request. Times in ms from that lane's own dispatch. */
export interface SampleLeg {
  /** HTTP status; 0 if no response headers arrived; null if the leg was not observed. */
  readonly status: number | null;
  readonly class: LegClass | null;
  readonly stream: boolean | null;
  /** Time to the first token event. Null without streaming. */
  readonly ttft: number | null;
  /** Time to the first visible token event, without reasoning. */
  readonly ttfo: number | null;
  /** Time per token after the first. */
  readonly tpot: number | null;
  /** Time to the last token event; without streaming, to the end of the body. */
  readonly e2e: number | null;
  readonly outTokens: number | null;
  readonly tokenSource: "usage" | "chunks" | null;
  /** Unicode code points of visible text. */
  readonly outChars: number | null;
  readonly promptTokens: number | null;
  /** Prompt tokens found in the prefix cache. */
  readonly cachedTokens: number | null;
  readonly promptBytes: number | null;
  readonly finish: string | null;
  /** `ip:port` */
  readonly endpoint: string | null;
  readonly attempts: number | null;
  /** Time per code point of visible text after the first event, for lanes with different tokenizers. */
  readonly tpoc?: number | null;
  /** Longest gap between two token events. */
  readonly stall?: number | null;
  /** Time to the moment when it was cut short from outside. Null or absent for other legs. */
  readonly cut?: number | null;
  /** What the answer is like on its own; absent if it was not looked at. */
  readonly out?: SampleOutput;
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
