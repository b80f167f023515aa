import type { PageErrorCode, ScrapeErrorCode } from "@umbra/scheduler/scrape";

export type ScrapeOutcome = "ok" | ScrapeErrorCode;

/** `bad_list`: no list of models. `too_large`: one that is longer than 1 MiB. */
export type ListOutcome = "ok" | PageErrorCode | "bad_list";

/** What has become of a page that an endpoint answers. */
export interface PageReport {
  readonly address: string;
  readonly pools: readonly string[];
  readonly page: "metrics" | "models";
  readonly outcome: ScrapeOutcome | ListOutcome;
  /** Empty where all is well. */
  readonly reason: string;
}
