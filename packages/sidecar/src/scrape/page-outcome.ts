import type { PageErrorCode, ScrapeErrorCode } from "@umbra/scheduler/scrape";
import type { Logger } from "pino";

export type ScrapeOutcome = "ok" | ScrapeErrorCode;

/** `bad_list`: not a model list. `too_large`: longer than 1 MiB. */
export type ListOutcome = "ok" | PageErrorCode | "bad_list";

/** A change of the outcome of an endpoint's page. */
export interface PageReport {
  readonly address: string;
  readonly pools: readonly string[];
  readonly page: "metrics" | "models";
  readonly outcome: ScrapeOutcome | ListOutcome;
  /** Empty if all is well. */
  readonly reason: string;
}

/** Logs one line per change. */
export function logPageChange({ reason, outcome, ...report }: PageReport, log: Logger): void {
  if (outcome === "ok") log.info(report, "an endpoint's page can be read again");
  else log.warn({ ...report, outcome, reason }, "an endpoint's page can't be read");
}
