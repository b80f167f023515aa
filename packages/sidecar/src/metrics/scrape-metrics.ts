import type { ListOutcome, ScrapeOutcome } from "../scrape/page-outcome.ts";
import type { Exposition } from "./exposition.ts";

export type OnScrape = (pools: readonly string[], outcome: ScrapeOutcome, tookMs: number) => void;

export type OnModelList = (pools: readonly string[], outcome: ListOutcome) => void;

/** Adds metrics of model list readings. An endpoint in several pools counts in each. */
export function addModelListMetrics(metrics: Exposition): OnModelList {
  const lists = metrics.counter({
    name: "umbra_model_list_reads_total",
    help: "Reads of endpoints' model lists by outcome; `refused` is 401 or 403.",
    labels: ["pool", "outcome"],
  });
  return (pools, outcome) => {
    for (const pool of pools) lists.at(pool, outcome).value++;
  };
}

/** Adds scrape metrics. An endpoint in several pools counts in each. */
export function addScrapeMetrics(metrics: Exposition): OnScrape {
  const scrapes = metrics.counter({
    name: "umbra_scrapes_total",
    help: "Scrapes of endpoints by outcome: `refused` is 401 or 403; `wrong_page` is JSON, HTML, compressed or empty; `too_complex` exceeds the limits.",
    labels: ["pool", "outcome"],
  });
  const took = metrics.histogram({
    name: "umbra_scrape_duration_seconds",
    help: "Duration of a scrape of an endpoint.",
    labels: ["pool"],
    bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
  });
  return (pools, outcome, tookMs) => {
    for (const pool of pools) {
      scrapes.at(pool, outcome).value++;
      took.at(pool).observe(tookMs / 1_000);
    }
  };
}
