import { type EngineName, type MetricsPage, readMetricsPage } from "../metrics/index.ts";
import { hiddenLoadReason } from "../pool/first-load.ts";
import {
  foreignPage,
  foreignPageReason,
  pageStatusReason,
  tooComplexReason,
} from "./foreign-page.ts";
import { createBackOff } from "./scrape-back-off.ts";
import { createServerPace } from "./server-pace.ts";

/** Why a page could not be fetched. `refused`: 401 or 403. */
export type PageErrorCode = "timeout" | "unreachable" | "refused" | "bad_status" | "too_large";

/**
 * Why a scrape failed. `wrong_page`: JSON, HTML, compressed or empty. `bad_metrics`: not the metrics of a model server.
 * `too_complex`: too many labels, lines or escapes; reading it would delay picks.
 */
export type ScrapeErrorCode = PageErrorCode | "wrong_page" | "bad_metrics" | "too_complex";

/** A page, or why it could not be fetched. */
export type FetchedPage =
  | { readonly ok: true; readonly bytes: string | Uint8Array }
  | {
      readonly ok: false;
      readonly code: PageErrorCode;
      readonly reason: string;
      /** HTTP status; absent if the endpoint did not answer. */
      readonly status?: number;
    };

/** One possible location of an endpoint's metrics page. */
export interface ScrapePlace {
  /** Name of the page in messages. */
  readonly name: string;
  /**
   * True if the port or scheme differs from the endpoint's API: no answer there does not mean that the endpoint is
   * down.
   */
  readonly isElsewhere: boolean;
  /** Fetches the page and calls back once. The callback reads the page before it returns. */
  get(done: (page: FetchedPage) => void): void;
}

/** Why a scrape failed. */
export interface ScrapeFailure {
  readonly code: ScrapeErrorCode;
  readonly reason: string;
  /** Short reason without addresses, which refused clients may see. */
  readonly kind: string;
}

/** Result of one scrape. */
export interface Scraped {
  readonly startedMs: number;
  readonly tookMs: number;
  /** Part of `tookMs` in which this process read the page. */
  readonly busyMs: number;
  /** Length of the page; 0 if there is none. */
  readonly bytes: number;
  /** Whether the endpoint answered at all. */
  readonly isAnswered: boolean;
  /** Undefined if the scrape succeeded. */
  readonly failure: ScrapeFailure | undefined;
  /** Time from the start of this scrape to the start of the next, in ms; undefined if it succeeded. */
  readonly backOffMs: number | undefined;
  /** The failure to report to the pool: if several locations are tried, that of the first. */
  readonly reported: ScrapeFailure | undefined;
}

export interface EndpointScraperOptions {
  /** Possible locations, most likely first; evaluated before each scrape. */
  readonly places: () => readonly [ScrapePlace, ...ScrapePlace[]];
  /** The endpoint's engine; undefined to detect it from the page. */
  readonly engine: () => EngineName | undefined;
  /** Time between two scrapes, in ms; evaluated before each wait. Longer if the page is slow. */
  readonly intervalMs: () => number;
  /** Longest interval for a slow page, in ms. */
  readonly longestMs: number;
  /** Longest interval after failures, in ms; 30 s for an endpoint whose page is too complex. */
  readonly maxBackOffMs: number;
  /** The clock of the pool. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Records the page's metrics. Returns false if the pool rejects them because they do not show the server's load. */
  readonly record: (
    page: Extract<MetricsPage, { ok: true }>,
    startedMs: number,
    intervalMs: number,
  ) => boolean;
  /** Called after each scrape. The next one is scheduled when `next` is called, once. */
  readonly onScraped: (scraped: Scraped, next: () => void) => void;
}

/** A running scraper of one endpoint. */
export interface EndpointScraper {
  /** Stops scraping. No callback is called afterwards. */
  close(): void;
}

const kinds: Readonly<Record<ScrapeErrorCode, string>> = {
  timeout: "no answer in time",
  unreachable: "no connection",
  refused: "the metrics page requires authentication",
  wrong_page: "the metrics page has other content",
  bad_status: "the metrics page returns an error",
  too_large: "the metrics page is too large",
  bad_metrics: "the metrics page has no request counts",
  too_complex: "the metrics page takes too long to read",
};

/** Returns the error code for a status other than 200. */
export function statusErrorCode(status: number): "refused" | "bad_status" {
  return status === 401 || status === 403 ? "refused" : "bad_status";
}

/**
 * Scrapes one endpoint until closed: one request at a time, with jitter, less often if the page is slow or fails. Tries
 * the possible locations in turn until it finds the page.
 */
export function startEndpointScraper(options: EndpointScraperOptions): EndpointScraper {
  const { now, random } = options;
  const pace = createServerPace({ wantedMs: 0, longestMs: options.longestMs });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let at = 0;
  let firstFailure: ScrapeFailure | undefined;
  const backOff = createBackOff({ intervalMs, random, maxMs: options.maxBackOffMs });
  let isClosed = false;

  function intervalMs(): number {
    return Math.max(options.intervalMs(), pace.intervalMs());
  }

  function scrape(): void {
    const startedMs = now();
    const places = options.places();
    at %= places.length;
    const place = places[at] as ScrapePlace;
    place.get((page) => {
      if (isClosed) return;
      const arrivedMs = now();
      if (page.ok) pace.record(arrivedMs - startedMs);
      const failure = read(page, place.name, startedMs, arrivedMs);
      const endMs = now();
      const isAnswered = page.ok || page.status !== undefined || page.code === "too_large";
      if (failure === undefined || at === 0) firstFailure = failure;
      // The page may be at the next location. If the endpoint did not answer, the same location is tried again.
      if (failure !== undefined && (isAnswered || place.isElsewhere)) at++;
      const waitMs = backOff.after(failure?.code);
      const scraped: Scraped = {
        startedMs,
        tookMs: endMs - startedMs,
        busyMs: endMs - arrivedMs,
        bytes: page.ok ? page.bytes.length : 0,
        isAnswered,
        failure,
        backOffMs: failure && waitMs,
        reported: failure && (firstFailure ?? failure),
      };
      options.onScraped(scraped, () => waitFrom(startedMs, waitMs));
    });
  }

  function read(
    page: FetchedPage,
    name: string,
    startedMs: number,
    arrivedMs: number,
  ): ScrapeFailure | undefined {
    if (!page.ok) {
      const { code, status, reason } = page;
      return failureOf(code, status === undefined ? reason : pageStatusReason(name, status));
    }
    const foreign = foreignPage(page.bytes);
    if (foreign !== undefined) return failureOf("wrong_page", foreignPageReason(name, foreign));
    const metrics = readMetricsPage(page.bytes, arrivedMs, options.engine());
    if (!metrics.ok) return unreadable(name, metrics);
    const isAccepted = options.record(metrics, startedMs, intervalMs());
    return isAccepted ? undefined : failureOf("bad_metrics", hiddenLoadReason(name));
  }

  function waitFrom(startedMs: number, waitMs: number): void {
    if (!isClosed) timer = setTimeout(scrape, Math.max(0, waitMs - (now() - startedMs)));
  }

  scrape();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

function unreadable(
  name: string,
  { isTooComplex, missing }: Exclude<ReturnType<typeof readMetricsPage>, { readonly ok: true }>,
): ScrapeFailure {
  return isTooComplex
    ? failureOf("too_complex", tooComplexReason(name))
    : failureOf("bad_metrics", `${name} has no ${missing.join(", ")}`);
}

function failureOf(code: ScrapeErrorCode, reason: string): ScrapeFailure {
  return { code, reason, kind: kinds[code] };
}
