import type { EndpointTls, MetricsPlaceSettings } from "@umbra/envoy-config";
import { type EngineName, engineOf } from "@umbra/scheduler/metrics";
import { metricsPlaces } from "@umbra/scheduler/scrape";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import type { Reach, ServedPool } from "../pools/served-pool.ts";
import { createGovernor, type EndpointShare, type Governor } from "./governor.ts";
import { type EndpointPools, type Scraper, type ScraperOptions, startScraper } from "./scraper.ts";

export type ScrapeLoopOptions = Pick<ScraperOptions, "timeoutMs" | "now" | "random" | "onScrape"> &
  Partial<Pick<ScraperOptions, "authorization" | "onModelList" | "onPageChange">> & {
    readonly pools: PoolRegistry;
    /** Minimum time between two scrapes of an endpoint, in ms. */
    readonly intervalMs: number;
    /** Metrics older than this are stale, in ms. Limits how far intervals are stretched. */
    readonly staleAfterMs: number;
    /** Maximum share of a core for all scraping, 0 to 1; `defaultMaxShare` when absent. */
    readonly maxShare?: number;
  };

export interface ScrapeLoop {
  /**
   * Follows the endpoints of the pools, and how they are scraped. Only what changed is touched: a scraper is restarted
   * if its endpoint is reached in another way.
   */
  update(): void;
  /** True after each endpoint of `pools` was tried. */
  hasTried(pools: ReadonlySet<string>): boolean;
  /** Current average time between two scrapes of an endpoint, in ms. */
  intervalMs(): number;
  /** Number of endpoints that are scraped. */
  readonly endpoints: number;
  close(): Promise<void>;
}

/** Including unmeasured costs, a process with many endpoints uses about a fifth of a core. */
const defaultMaxShare = 0.18;
/** One scrape may fail before the metrics become stale. */
const longestShareOfAge = 0.4;

/** Scrapes every endpoint of every pool. An endpoint in several pools is scraped once for all. */
export function startScrapeLoop(options: ScrapeLoopOptions): ScrapeLoop {
  const loop = new Scraping(options);
  loop.update();
  return loop;
}

/** An endpoint with the pools that contain it. */
interface Scraped {
  readonly pools: Set<ServedPool>;
  readonly of: EndpointPools;
  running: Running | undefined;
}

interface Running {
  readonly scraper: Scraper;
  readonly share: EndpointShare;
  /** How the endpoint is reached, as text. */
  readonly reachText: string;
}

/** What a pool was scraped with at the last update. */
type Seen = Pick<ServedPool, "endpoints" | "reach">;

class Scraping implements ScrapeLoop {
  readonly #options: ScrapeLoopOptions;
  readonly #longestMs: number;
  readonly #governor: Governor;
  readonly #byAddress = new Map<string, Scraped>();
  readonly #seen = new Map<ServedPool, Seen>();
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: ScrapeLoopOptions) {
    const { intervalMs, staleAfterMs, maxShare = defaultMaxShare } = options;
    this.#options = options;
    this.#longestMs = Math.max(intervalMs, longestShareOfAge * staleAfterMs);
    this.#governor = createGovernor({
      wantedMs: intervalMs,
      longestMs: this.#longestMs,
      maxShare,
    });
  }

  update(): void {
    if (this.#isClosed) return;
    const touched = new Set<string>();
    for (const [pool, { endpoints }] of this.#seen) {
      if (this.#options.pools.get(pool.name) === pool) continue;
      this.#seen.delete(pool);
      for (const address of endpoints) this.#leave(address, pool, touched);
    }
    for (const pool of this.#options.pools.values()) this.#follow(pool, touched);
    for (const address of touched) this.#reconcile(address);
  }

  hasTried(names: ReadonlySet<string>): boolean {
    for (const { pools, running } of this.#byAddress.values()) {
      if (running?.scraper.hasTried !== false) continue;
      for (const { name } of pools) if (names.has(name)) return false;
    }
    return true;
  }

  intervalMs(): number {
    return this.#governor.intervalMs();
  }

  get endpoints(): number {
    return this.#byAddress.size;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { running } of this.#byAddress.values()) this.#stop(running);
    await Promise.all(this.#closing);
  }

  #follow(pool: ServedPool, touched: Set<string>): void {
    const { endpoints, reach } = pool;
    const seen = this.#seen.get(pool);
    if (seen?.endpoints === endpoints && seen.reach === reach) return;
    this.#seen.set(pool, { endpoints, reach });
    const next = new Set(endpoints);
    for (const address of seen?.endpoints ?? []) {
      if (!next.has(address)) this.#leave(address, pool, touched);
    }
    for (const address of next) {
      const scraped = this.#byAddress.get(address) ?? newScraped();
      scraped.pools.add(pool);
      this.#byAddress.set(address, scraped);
      touched.add(address);
    }
  }

  #leave(address: string, pool: ServedPool, touched: Set<string>): void {
    this.#byAddress.get(address)?.pools.delete(pool);
    touched.add(address);
  }

  #reconcile(address: string): void {
    const scraped = this.#byAddress.get(address);
    if (scraped === undefined) return;
    const { of, running } = scraped;
    // Independent of the order in which the pools came.
    const pools = [...scraped.pools].sort((a, b) => (a.name < b.name ? -1 : 1));
    if (pools.length === 0) {
      this.#byAddress.delete(address);
      this.#stop(running);
      return;
    }
    // A pool that is new to the endpoint does not know its models yet.
    if (pools.some((pool) => !of.pools.includes(pool))) running?.scraper.hurryList();
    of.pools = pools;
    of.names = pools.map(({ name }) => name);
    const engine = engineOf(pools[0]?.state.labelsOf(address) ?? {});
    const way = wayTo(address, pools);
    const reachText = JSON.stringify([engine, way]);
    if (running?.reachText === reachText) return;
    this.#stop(running);
    const share = this.#governor.add();
    const scraper = this.#start({ address, of, engine, way, share });
    scraped.running = { scraper, share, reachText };
  }

  #start({ address, of, engine, way, share }: Start): Scraper {
    const { timeoutMs, now, random, authorization, onScrape, onModelList, onPageChange } =
      this.#options;
    return startScraper({
      address,
      of,
      engine,
      places: metricsPlaces(address, engine, way.scrape, way.tls === undefined ? "http" : "https"),
      tls: way.tls,
      authorization,
      intervalMs: share.intervalMs,
      longestMs: this.#longestMs,
      timeoutMs,
      now,
      random,
      onScrape,
      onModelList: onModelList ?? (() => {}),
      onPageChange: onPageChange ?? (() => {}),
      onBusy: share.spent,
    });
  }

  #stop(running: Running | undefined): void {
    if (running === undefined) return;
    running.share.remove();
    const closing = running.scraper.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function newScraped(): Scraped {
  return { pools: new Set(), of: { pools: [], names: [] }, running: undefined };
}

interface Start {
  readonly address: string;
  readonly of: EndpointPools;
  /** Undefined: detected from its page. */
  readonly engine: EngineName | undefined;
  readonly way: Way;
  readonly share: EndpointShare;
}

/** How one endpoint is reached. */
interface Way {
  readonly tls: EndpointTls | undefined;
  readonly scrape: MetricsPlaceSettings;
}

/** For an endpoint in several pools, the first pool with a setting wins. */
function wayTo(address: string, pools: readonly ServedPool[]): Way {
  const known: readonly Reach[] = pools.map(({ reach }) => reach);
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
