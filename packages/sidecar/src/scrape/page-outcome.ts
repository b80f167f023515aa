import type { PageErrorCode } from "./endpoint-client.ts";

/** `wrong_page`: JSON, HTML, compressed or nothing. `bad_metrics`: metrics, but not those of a model server. */
export type ScrapeOutcome = "ok" | PageErrorCode | "wrong_page" | "bad_metrics";

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
