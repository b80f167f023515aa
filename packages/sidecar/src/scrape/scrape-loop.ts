import type { EndpointTls, MetricsPlaceSettings, Pool } from "@umbra/envoy-config";
import { engineOf } from "@umbra/scheduler/metrics";
import { metricsPlaces } from "@umbra/scheduler/scrape";
import type { PoolRegistry, ServedPool } from "../pools/pool-registry.ts";
import { createGovernor } from "./governor.ts";
import { type Scraper, type ScraperOptions, startScraper } from "./scraper.ts";

export type ScrapeLoopOptions = Pick<ScraperOptions, "timeoutMs" | "now" | "random" | "onScrape"> &
  Partial<Pick<ScraperOptions, "authorization" | "onModelList" | "onPageChange">> & {
    readonly pools: PoolRegistry;
    /** Resolves how endpoints are reached; absent: plain HTTP and each engine's default page. */
    readonly reach?: readonly Pick<Pool, "name" | "tls" | "scrape" | "endpointScrape">[];
    /** Minimum time between two scrapes of an endpoint, in ms. */
    readonly intervalMs: number;
    /** Metrics older than this are stale, in ms. Limits how far intervals are stretched. */
    readonly staleAfterMs: number;
    /** Maximum share of a core for all scraping, 0 to 1; `defaultMaxShare` when absent. */
    readonly maxShare?: number;
  };

export interface ScrapeLoop {
  /** True after each endpoint of `pools` was tried. */
  hasTried(pools: ReadonlySet<string>): boolean;
  /** Current average time between two scrapes of an endpoint, in ms. */
  intervalMs(): number;
  close(): Promise<void>;
}

/** Including unmeasured costs, a process with many endpoints uses about a fifth of a core. */
const defaultMaxShare = 0.18;
/** One scrape may fail before the metrics become stale. */
const longestShareOfAge = 0.4;

/** Scrapes every endpoint of every pool. An endpoint in several pools is scraped once for all. */
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

/** For an endpoint in several pools, the first pool with a setting wins. */
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
