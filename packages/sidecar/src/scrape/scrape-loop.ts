import type { EndpointTls, MetricsPlaceSettings, Pool } from "@umbra/envoy-config";
import { engineOf } from "@umbra/scheduler/metrics";
import { metricsPlaces } from "@umbra/scheduler/scrape";
import type { PoolRegistry, ServedPool } from "../pools/pool-registry.ts";
import { createGovernor } from "./governor.ts";
import { type Scraper, type ScraperOptions, startScraper } from "./scraper.ts";

export type ScrapeLoopOptions = Pick<ScraperOptions, "timeoutMs" | "now" | "random" | "onScrape"> &
  Partial<Pick<ScraperOptions, "authorization" | "onModelList" | "onPageChange">> & {
    readonly pools: PoolRegistry;
    /** Says how endpoints are reached; absent: plain HTTP, and each engine's default page. */
    readonly reach?: readonly Pick<Pool, "name" | "tls" | "scrape" | "endpointScrape">[];
    /** Between two scrapes of an endpoint at least, in ms. */
    readonly intervalMs: number;
    /** Age from which metrics count as stale, in ms; bounds how far intervals are stretched. */
    readonly staleAfterMs: number;
    /** Share of a core that all scraping may take, 0 to 1; `defaultMaxShare` when absent. */
    readonly maxShare?: number;
  };

export interface ScrapeLoop {
  /** True once each endpoint of `pools` was tried. */
  hasTried(pools: ReadonlySet<string>): boolean;
  /** What all scraping together allows between two scrapes of an endpoint now on average, in ms. */
  intervalMs(): number;
  close(): Promise<void>;
}

/** With what is not measured, a process of many endpoints takes about a fifth of a core. */
const defaultMaxShare = 0.18;
/** One scrape may fail before what was scraped is stale. */
const longestShareOfAge = 0.4;

/** Scrapes every endpoint of every pool; one that is in several pools is asked once for all. */
export function startScrapeLoop(options: ScrapeLoopOptions): ScrapeLoop {
  const { pools, timeoutMs, now, random, onScrape } = options;
  const members = new Map<string, ServedPool[]>();
  for (const pool of pools.values()) {
    for (const address of pool.state.addresses()) {
      members.set(address, [...(members.get(address) ?? []), pool]);
    }
  }
  const longestMs = Math.max(options.intervalMs, longestShareOfAge * options.staleAfterMs);
  const governor = createGovernor({
    wantedMs: options.intervalMs,
    longestMs,
    maxShare: options.maxShare ?? defaultMaxShare,
  });
  const reached = new Map((options.reach ?? []).map((pool) => [pool.name, pool]));
  const scrapers = new Map<string, Scraper>();
  for (const [address, of] of members) {
    const engine = engineOf(of[0]?.state.labelsOf(address) ?? {});
    const { tls, scrape } = reachOf(address, of, reached);
    const share = governor.add();
    scrapers.set(
      address,
      startScraper({
        address,
        pools: of,
        engine,
        places: metricsPlaces(address, engine, scrape, tls === undefined ? "http" : "https"),
        tls,
        authorization: options.authorization,
        intervalMs: share.intervalMs,
        longestMs,
        timeoutMs,
        now,
        random,
        onScrape,
        onModelList: options.onModelList ?? (() => {}),
        onPageChange: options.onPageChange ?? (() => {}),
        onBusy: share.spent,
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

type Reach = Pick<Pool, "name" | "tls" | "scrape" | "endpointScrape">;

/** Of an endpoint in several pools the first that says something counts. */
function reachOf(
  address: string,
  pools: readonly ServedPool[],
  reached: ReadonlyMap<string, Reach>,
): { readonly tls: EndpointTls | undefined; readonly scrape: MetricsPlaceSettings } {
  const known = pools.flatMap(({ name }) => reached.get(name) ?? []);
  return {
    tls: known.find(({ tls }) => tls !== undefined)?.tls,
    scrape: Object.assign(
      {},
      known.find(({ scrape }) => scrape !== undefined)?.scrape,
      known.find(({ endpointScrape }) => endpointScrape?.[address] !== undefined)?.endpointScrape?.[
        address
      ],
    ),
  };
}
