import { engineOf } from "@umbra/scheduler/metrics";
import type { PoolRegistry, ServedPool } from "../exchange/pool-registry.ts";
import { createGovernor } from "./governor.ts";
import { type Scraper, type ScraperOptions, startScraper } from "./scraper.ts";

export type ScrapeLoopOptions = Pick<
  ScraperOptions,
  "timeoutMs" | "now" | "random" | "onScrape"
> & {
  readonly pools: PoolRegistry;
  /** Between two scrapes of an endpoint, in ms. */
  readonly intervalMs: number;
  /** Age from which metrics count as stale, in ms: the interval is never stretched beyond a third of it. */
  readonly staleAfterMs: number;
  /** Share of a core that all scraping may take, 0 to 1; 0.2 when absent. */
  readonly maxShare?: number;
};

export interface ScrapeLoop {
  /** True once each endpoint of `pools` was tried. */
  hasTried(pools: ReadonlySet<string>): boolean;
  /** Between two scrapes of an endpoint as it is now, in ms: longer than asked for where there are many. */
  intervalMs(): number;
  close(): Promise<void>;
}

/** Scrapes every endpoint of every pool; one that is in several pools is asked once for all. */
export function startScrapeLoop(options: ScrapeLoopOptions): ScrapeLoop {
  const { pools, timeoutMs, now, random, onScrape } = options;
  const members = new Map<string, ServedPool[]>();
  for (const pool of pools.values()) {
    for (const address of pool.state.addresses()) {
      members.set(address, [...(members.get(address) ?? []), pool]);
    }
  }
  const governor = createGovernor({
    wantedMs: options.intervalMs,
    // One scrape may fail before what was scraped is stale.
    longestMs: Math.max(options.intervalMs, 0.4 * options.staleAfterMs),
    maxShare: options.maxShare ?? 0.18,
    endpoints: members.size,
  });
  const scrapers = new Map<string, Scraper>();
  for (const [address, of] of members) {
    const labels = of[0]?.state.labelsOf(address) ?? {};
    scrapers.set(
      address,
      startScraper({
        address,
        pools: of,
        engine: engineOf(labels),
        intervalMs: governor.intervalMs,
        timeoutMs,
        now,
        random,
        onScrape,
        onBusy: governor.spent,
      }),
    );
  }
  return {
    hasTried(names) {
      for (const [address, of] of members) {
        if (of.some(({ name }) => names.has(name)) && scrapers.get(address)?.hasTried === false) {
          return false;
        }
      }
      return true;
    },
    intervalMs: governor.intervalMs,
    async close() {
      await Promise.all([...scrapers.values()].map((scraper) => scraper.close()));
    },
  };
}
