import type { EndpointTls } from "@umbra/envoy-config";
import type { EngineName } from "@umbra/scheduler/metrics";
import {
  type EndpointScraperOptions,
  type MetricsPlace,
  type Scraped,
  type ScrapePlace,
  startEndpointScraper,
} from "@umbra/scheduler/scrape";
import type { ServedPool } from "../pools/pool-registry.ts";
import { createEndpointClients } from "./endpoint-clients.ts";
import { createHealthSchedule } from "./health-schedule.ts";
import { createModelListReader } from "./model-list-reader.ts";
import type { ListOutcome, PageReport, ScrapeOutcome } from "./page-outcome.ts";

export interface ScraperOptions {
  readonly address: string;
  /** Every pool that the endpoint is a member of. */
  readonly pools: readonly ServedPool[];
  /** Undefined: by what its page holds. */
  readonly engine: EngineName | undefined;
  /** Where its metrics page may be, the likeliest first. */
  readonly places: readonly [MetricsPlace, ...MetricsPlace[]];
  /** Absent: the endpoint speaks plain HTTP. */
  readonly tls: EndpointTls | undefined;
  /** Value of the `authorization` header, read for each request. */
  readonly authorization: (() => string | undefined) | undefined;
  /** What all scraping together allows, in ms; read before each wait. */
  readonly intervalMs: () => number;
  /** No interval is stretched further for a slow page, in ms. */
  readonly longestMs: number;
  readonly timeoutMs: number;
  /** Same clock as the pools'. */
  readonly now: () => number;
  readonly random: () => number;
  readonly onScrape: (pools: readonly string[], outcome: ScrapeOutcome, tookMs: number) => void;
  readonly onModelList: (pools: readonly string[], outcome: ListOutcome) => void;
  /** A page that the endpoint answers is now of another outcome than before. */
  readonly onPageChange: (report: PageReport) => void;
  /** How long the process was busy with a page of so many bytes. */
  readonly onBusy: (busyMs: number, bytes: number) => void;
}

export interface Scraper {
  /** True once a first scrape, and a first reading of the model list, were tried, whatever came of them. */
  readonly hasTried: boolean;
  close(): Promise<void>;
}

/** A dead endpoint is asked less and less often, but at least this often, in ms. */
const maxBackOffMs = 1_000;

type ReadMetrics = Parameters<EndpointScraperOptions["record"]>[0];
/** Begins the wait for the next scrape. */
type Next = () => void;

/** Scrapes one endpoint for ever, and reads its model list and health page: one request at a time, on kept connections. */
export function startScraper(options: ScraperOptions): Scraper {
  const { address, pools, places, tls, authorization, timeoutMs, now } = options;
  const names = pools.map(({ name }) => name);
  const clients = createEndpointClients({ address, tls, authorization, timeoutMs });
  const list = createModelListReader({
    address,
    pools,
    client: clients.own,
    hasKey: () => authorization?.() !== undefined,
    isClosed: () => isClosed,
    onRead(outcome, reason, isAnswered) {
      options.onModelList(names, outcome);
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
    for (const { state, queue, served, engines } of pools) {
      engines.set(address, engine);
      if (!state.recordScrape(address, metrics, startedMs, intervalMs)) isBelieved = false;
      queue?.poke();
      if (namedAdapters !== undefined && served.recordNamed(address, namedAdapters)) list.hurry();
    }
    return isBelieved;
  }

  function report({ busyMs, bytes, tookMs, failure, reported, isAnswered }: Scraped): void {
    options.onBusy(busyMs, bytes);
    options.onScrape(names, failure?.code ?? "ok", tookMs);
    if (reported === undefined) {
      reportChange("metrics", "ok", "");
      return;
    }
    const { code, reason, kind } = reported;
    for (const { state } of pools) state.recordScrapeFailure(address, reason, kind);
    if (isAnswered) reportChange("metrics", code, reason);
  }

  /** Reads what else is due, before the next scrape. */
  function followUp({ startedMs, failure, isAnswered }: Scraped, next: Next): void {
    if (pools.map(({ served }) => served.takeDoubt(address)).includes(true)) list.hurry();
    if (isAnswered) for (const { served } of pools) served.reached(address);
    if (isAnswered && list.isDue(startedMs)) list.read(startedMs, next);
    else if (failure === undefined && health.isDue(startedMs)) readHealth(startedMs, next);
    else next();
  }

  function readHealth(startedMs: number, next: Next): void {
    clients.own.get(health.path, (page) => {
      if (isClosed) return;
      const isReady = page.ok || page.status !== 503;
      health.asked(startedMs, isReady);
      for (const { state } of pools) state.recordReadiness(address, isReady);
      next();
    });
  }

  function reportChange(page: PageReport["page"], outcome: PageReport["outcome"], reason: string) {
    if ((outcomes.get(page) ?? "ok") === outcome) return;
    outcomes.set(page, outcome);
    options.onPageChange({ address, pools: names, page, outcome, reason });
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
    async close() {
      isClosed = true;
      scraper.close();
      await clients.close();
    },
  };
}
