import type { PoolRegistry, ServedPool } from "../exchange/pool-registry.ts";
import { type Scraper, type ScraperOptions, startScraper } from "./scraper.ts";

export type ScrapeLoopOptions = Omit<ScraperOptions, "address" | "pools"> & {
  readonly pools: PoolRegistry;
};

export interface ScrapeLoop {
  /** True once each endpoint of `pools` was tried. */
  hasTried(pools: ReadonlySet<string>): boolean;
  close(): Promise<void>;
}

/** Scrapes every endpoint of every pool; one that is in several pools is asked once for all. */
export function startScrapeLoop({ pools, ...options }: ScrapeLoopOptions): ScrapeLoop {
  const members = new Map<string, ServedPool[]>();
  for (const pool of pools.values()) {
    for (const { address } of pool.state.snapshot().endpoints) {
      members.set(address, [...(members.get(address) ?? []), pool]);
    }
  }
  const tried = new Set<string>();
  const scrapers = new Map<string, Scraper>();
  for (const [address, of] of members) {
    const scraper = startScraper({ ...options, address, pools: of });
    scrapers.set(address, scraper);
    void scraper.firstTried.then(() => tried.add(address));
  }
  return {
    hasTried(names) {
      for (const [address, of] of members) {
        if (of.some(({ name }) => names.has(name)) && !tried.has(address)) return false;
      }
      return true;
    },
    async close() {
      await Promise.all([...scrapers.values()].map((scraper) => scraper.close()));
    },
  };
}
