import type { EndpointTls } from "@umbra/envoy-config";
import { modelListTooLong, readModelList } from "@umbra/openai";
import { type EngineName, readMetricsPage } from "@umbra/scheduler/metrics";
import {
  createServerPace,
  foreignPage,
  foreignPageReason,
  hiddenLoadReason,
  type MetricsPlace,
  pageStatusReason,
} from "@umbra/scheduler/scrape";
import type { ServedPool } from "../pools/pool-registry.ts";
import type { ModelList } from "../pools/served-models.ts";
import type { Page } from "./endpoint-client.ts";
import { createEndpointClients } from "./endpoint-clients.ts";
import { createHealthSchedule } from "./health-schedule.ts";
import { createListSchedule } from "./list-schedule.ts";
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

/** What a refused client may read of a failed scrape: no addresses. */
const kinds: Readonly<Record<Failure["code"], string>> = {
  timeout: "no answer in time",
  unreachable: "no connection",
  refused: "the metrics page is refused",
  wrong_page: "another page is where metrics should be",
  bad_status: "the metrics page answers an error",
  too_large: "the metrics page is too long",
  bad_metrics: "the metrics page has no request counts",
};

/** A dead endpoint is asked less and less often, but at least this often. */
const maxBackOffMs = 1_000;

type Failure = { readonly code: Exclude<ScrapeOutcome, "ok">; readonly reason: string };

/** Scrapes one endpoint for ever: one request at a time, on kept connections. */
export function startScraper(options: ScraperOptions): Scraper {
  const { address, pools, places, tls, authorization, timeoutMs, now, random } = options;
  const names = pools.map(({ name }) => name);
  const clients = createEndpointClients({ address, tls, authorization, timeoutMs });
  const pace = createServerPace({ wantedMs: 0, longestMs: options.longestMs });
  const list = createListSchedule();
  const health = createHealthSchedule(options.engine);
  const outcomes = new Map<PageReport["page"], string>();
  let timer: NodeJS.Timeout | undefined;
  let placeAt = 0;
  let firstFailure: Failure | undefined;
  let failures = 0;
  let hasTried = false;
  /** Until the server has answered a request without the key, its list is not shown to clients without it. */
  let isGuarded = true;
  let isClosed = false;

  function intervalMs(): number {
    return Math.max(options.intervalMs(), pace.intervalMs());
  }

  function scrape(): void {
    const startedMs = now();
    const place = places[placeAt] ?? places[0];
    clients.of(place).get(place.path, (page) => {
      if (isClosed) return;
      const arrivedMs = now();
      const failure = take(page, place, startedMs, arrivedMs);
      const endMs = now();
      if (page.ok) pace.took(arrivedMs - startedMs);
      options.onBusy(endMs - arrivedMs, page.ok ? page.bytes.length : 0);
      options.onScrape(names, failure?.code ?? "ok", endMs - startedMs);
      failures = failure === undefined ? 0 : failures + 1;
      if (failure === undefined) {
        firstFailure = undefined;
        reportChange("metrics", "ok", "");
      } else {
        fail(failure, page, place);
      }
      followUp(startedMs, failure === undefined, page);
    });
  }

  function take(
    page: Page,
    place: MetricsPlace,
    startedMs: number,
    arrivedMs: number,
  ): Failure | undefined {
    if (!page.ok) {
      const { code, status } = page;
      const reason = status === undefined ? page.reason : pageStatusReason(place.path, status);
      return { code, reason };
    }
    const foreign = foreignPage(page.bytes);
    if (foreign !== undefined) {
      return { code: "wrong_page", reason: foreignPageReason(place.path, foreign) };
    }
    const read = readMetricsPage(page.bytes, arrivedMs, options.engine);
    if (!read.ok) {
      return { code: "bad_metrics", reason: `no ${read.missing.join(", ")} in ${place.path}` };
    }
    health.engine = read.engine;
    const { namedAdapters } = read.metrics;
    let isBelieved = true;
    for (const { state, queue, served } of pools) {
      if (!state.recordScrape(address, read.metrics, startedMs, intervalMs())) isBelieved = false;
      queue?.poke();
      if (namedAdapters !== undefined && served.recordNamed(address, namedAdapters)) list.hurry();
    }
    return isBelieved ? undefined : { code: "bad_metrics", reason: hiddenLoadReason(place.path) };
  }

  /** Where the page is not here, it may be at the next place; what is wrong with the first is what is reported. */
  function fail(failure: Failure, page: Page, place: MetricsPlace): void {
    if (placeAt === 0) firstFailure = failure;
    const { code, reason } = firstFailure ?? failure;
    for (const { state } of pools) {
      state.recordScrapeFailure(address, reason, kinds[code]);
    }
    const isAnswered = page.ok || page.status !== undefined;
    // An endpoint that does not answer is asked there again; nobody may be at another port.
    if (!isAnswered && clients.of(place) === clients.own) return;
    placeAt = (placeAt + 1) % places.length;
    if (isAnswered) reportChange("metrics", code, reason);
  }

  function followUp(startedMs: number, isScraped: boolean, page: Page): void {
    if (pools.map(({ served }) => served.takeDoubt(address)).includes(true)) list.hurry();
    const isAnswered = page.ok || page.status !== undefined;
    if (isAnswered) for (const { served } of pools) served.reached(address);
    if (isAnswered && list.isDue(startedMs)) readModels(startedMs);
    else if (isScraped && health.isDue(startedMs)) readHealth(startedMs);
    else waitFrom(startedMs);
  }

  function readModels(startedMs: number): void {
    list.begin(startedMs);
    clients.own.get("/v1/models", (page) => {
      if (isClosed) return;
      const text = page.ok ? page.bytes.toString() : "";
      const tooLong = modelListTooLong(text);
      const models = page.ok ? readModelList(text) : undefined;
      const unread = tooLong === undefined ? "bad_list" : "too_large";
      const outcome = page.ok ? (models === undefined ? unread : "ok") : page.code;
      options.onModelList(names, outcome);
      if (models === undefined) {
        list.end("failed");
        const reason = page.ok ? (tooLong ?? "/v1/models is no list of models") : page.reason;
        if (page.ok || page.status !== undefined) reportChange("models", outcome, reason);
      } else {
        reportChange("models", outcome, "");
        recordModels(models, startedMs);
        return;
      }
      waitFrom(startedMs);
    });
  }

  /** With a key Umbra may see what clients without one may not: the list is asked for without it too. */
  function recordModels(models: ModelList, startedMs: number): void {
    const record = () => {
      const changes = pools.map(({ served }) => served.record(address, { ...models, isGuarded }));
      list.end(changes.includes(true) ? "changed" : "unchanged");
      waitFrom(startedMs);
    };
    if (authorization?.() === undefined) {
      isGuarded = false;
      record();
      return;
    }
    const takeAnonymous = (page: Page) => {
      if (isClosed) return;
      if (page.ok) isGuarded = !showsAll(page.bytes.toString(), models);
      else if (page.code === "refused") isGuarded = true;
      record();
    };
    clients.own.get("/v1/models", takeAnonymous, { isAnonymous: true });
  }

  function readHealth(startedMs: number): void {
    clients.own.get(health.path, (page) => {
      if (isClosed) return;
      const isReady = page.ok || page.status !== 503;
      health.asked(startedMs, isReady);
      for (const { state } of pools) state.recordReadiness(address, isReady);
      waitFrom(startedMs);
    });
  }

  function reportChange(page: PageReport["page"], outcome: PageReport["outcome"], reason: string) {
    if ((outcomes.get(page) ?? "ok") === outcome) return;
    outcomes.set(page, outcome);
    options.onPageChange({ address, pools: names, page, outcome, reason });
  }

  function waitFrom(startedMs: number): void {
    hasTried = true;
    const wantedMs = intervalMs();
    const backOffMs = Math.min(
      wantedMs * 2 ** Math.min(failures, 10),
      Math.max(maxBackOffMs, wantedMs),
    );
    // Jitter keeps the scrapes of many endpoints from falling together.
    const waitMs = (failures === 0 ? wantedMs : backOffMs) * (0.9 + 0.2 * random());
    timer = setTimeout(scrape, Math.max(0, waitMs - (now() - startedMs)));
  }

  scrape();
  return {
    get hasTried() {
      return hasTried;
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await clients.close();
    },
  };
}

/** False for a page to log in, say, or a list that is shorter without the key. */
function showsAll(text: string, { base, adapters }: ModelList): boolean {
  const shown = readModelList(text);
  if (shown === undefined) return false;
  const names = new Set([...shown.base, ...shown.adapters]);
  return [...base, ...adapters].every((name) => names.has(name));
}
