import type { PageErrorCode, ScrapeErrorCode } from "@umbra/scheduler/scrape";
import type { Logger } from "pino";

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

/** One line for each change. */
export function logPageChange({ reason, outcome, ...report }: PageReport, log: Logger): void {
  if (outcome === "ok") log.info(report, "an endpoint's page can be read");
  else log.warn({ ...report, outcome, reason }, "an endpoint's page can't be read");
}
