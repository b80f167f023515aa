import type { EndpointTls } from "@umbra/envoy-config";
import type { EngineName } from "@umbra/scheduler/metrics";
import {
  type EndpointScraperOptions,
  type MetricsPlace,
  type Scraped,
  type ScrapePlace,
  startEndpointScraper,
} from "@umbra/scheduler/scrape";
import type { ServedPool } from "../pools/served-pool.ts";
import { createEndpointClients } from "./endpoint-clients.ts";
import { createHealthSchedule } from "./health-schedule.ts";
import { createModelListReader } from "./model-list-reader.ts";
import type { ListOutcome, PageReport, ScrapeOutcome } from "./page-outcome.ts";

export interface ScraperOptions {
  readonly address: string;
  /** Every pool that contains the endpoint. */
  readonly of: EndpointPools;
  /** Undefined: detected from its page. */
  readonly engine: EngineName | undefined;
  /** Possible locations of its metrics page, most likely first. */
  readonly places: readonly [MetricsPlace, ...MetricsPlace[]];
  /** Absent: plain HTTP. */
  readonly tls: EndpointTls | undefined;
  /** Returns the value of the `authorization` header for each request. */
  readonly authorization: (() => string | undefined) | undefined;
  /** Returns this endpoint's current interval, in ms; called before each wait. */
  readonly intervalMs: () => number;
  /** Maximum interval for a slow page, in ms. */
  readonly longestMs: number;
  readonly timeoutMs: number;
  /** The same clock as the pools'. */
  readonly now: () => number;
  readonly random: () => number;
  readonly onScrape: (pools: readonly string[], outcome: ScrapeOutcome, tookMs: number) => void;
  readonly onModelList: (pools: readonly string[], outcome: ListOutcome) => void;
  /** Called when the outcome of a page changes. */
  readonly onPageChange: (report: PageReport) => void;
  /** Called with the size of a page and the time it took in this process, in ms. */
  readonly onBusy: (busyMs: number, bytes: number) => void;
}

/** The pools that contain an endpoint. They may change while it is scraped. */
export interface EndpointPools {
  pools: readonly ServedPool[];
  names: readonly string[];
}

export interface Scraper {
  /** True after the first attempt to read the metrics and the model list, successful or not. */
  readonly hasTried: boolean;
  /** Reads the model list soon, for example because a new pool contains the endpoint. */
  readonly hurryList: () => void;
  close(): Promise<void>;
}

/** Maximum interval for a dead endpoint, which is scraped less and less often, in ms. */
const maxBackOffMs = 1_000;

type ReadMetrics = Parameters<EndpointScraperOptions["record"]>[0];
/** Starts the wait for the next scrape. */
type Next = () => void;

/** Scrapes one endpoint until closed, and reads its model list and health page: one request at a time, on keep-alive connections. */
export function startScraper(options: ScraperOptions): Scraper {
  const { address, of, places, tls, authorization, timeoutMs, now } = options;
  const clients = createEndpointClients({ address, tls, authorization, timeoutMs });
  const list = createModelListReader({
    address,
    pools: () => of.pools,
    client: clients.own,
    hasKey: () => authorization?.() !== undefined,
    isClosed: () => isClosed,
    onRead(outcome, reason, isAnswered) {
      options.onModelList(of.names, outcome);
      if (isAnswered) reportChange("models", outcome, reason);
    },
  });
  const health = createHealthSchedule(options.engine);
  const outcomes = new Map<PageReport["page"], string>();
  let [hasTried, isClosed] = [false, false];

  function placeOf(place: MetricsPlace): ScrapePlace {
    const client = clients.of(place);
    const { path } = place;
    return {
      name: path,
      isElsewhere: client !== clients.own,
      get: (done) => client.get(path, done),
    };
  }

  function record(
    { engine, metrics }: ReadMetrics,
    startedMs: number,
    intervalMs: number,
  ): boolean {
    health.engine = engine;
    const { namedAdapters } = metrics;
    let isBelieved = true;
    for (const { state, queue, served, engines } of of.pools) {
      engines.set(address, engine);
      if (!state.recordScrape(address, metrics, startedMs, intervalMs)) isBelieved = false;
      queue?.poke();
      if (namedAdapters !== undefined && served.recordNamed(address, namedAdapters)) list.hurry();
    }
    return isBelieved;
  }

  function report(scraped: Scraped): void {
    const { busyMs, bytes, tookMs, failure, reported, isAnswered, backOffMs } = scraped;
    options.onBusy(busyMs, bytes);
    options.onScrape(of.names, failure?.code ?? "ok", tookMs);
    const { code = "ok", reason = "", kind } = reported ?? {};
    if (reported !== undefined) {
      for (const { state } of of.pools) state.recordScrapeFailure(address, reason, kind, backOffMs);
    }
    if (reported === undefined || isAnswered) reportChange("metrics", code, reason);
  }

  /** Reads other pages that are due, before the next scrape. */
  function followUp({ startedMs, failure, isAnswered }: Scraped, next: Next): void {
    if (of.pools.map(({ served }) => served.takeDoubt(address)).includes(true)) list.hurry();
    if (isAnswered) for (const { served } of of.pools) served.reached(address);
    if (isAnswered && list.isDue(startedMs)) list.read(startedMs, next);
    else if (failure === undefined && health.isDue(startedMs)) readHealth(startedMs, next);
    else next();
  }

  function readHealth(startedMs: number, next: Next): void {
    clients.own.get(health.path, (page) => {
      if (isClosed) return;
      const isReady = page.ok || page.status !== 503;
      health.asked(startedMs, isReady);
      for (const { state } of of.pools) state.recordReadiness(address, isReady);
      next();
    });
  }

  function reportChange(page: PageReport["page"], outcome: PageReport["outcome"], reason: string) {
    if ((outcomes.get(page) ?? "ok") === outcome) return;
    outcomes.set(page, outcome);
    options.onPageChange({ address, pools: of.names, page, outcome, reason });
  }

  const [first, ...others] = places;
  const placed = [placeOf(first), ...others.map(placeOf)] as const;
  const scraper = startEndpointScraper({
    places: () => placed,
    engine: () => options.engine,
    intervalMs: options.intervalMs,
    longestMs: options.longestMs,
    maxBackOffMs,
    now,
    random: options.random,
    record,
    onScraped(scraped, next) {
      report(scraped);
      followUp(scraped, () => {
        hasTried = true;
        next();
      });
    },
  });
  return {
    get hasTried() {
      return hasTried;
    },
    hurryList: list.hurry,
    async close() {
      isClosed = true;
      scraper.close();
      await clients.close();
    },
  };
}
