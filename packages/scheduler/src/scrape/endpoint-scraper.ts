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
 * `wrong_page`: JSON, HTML, compressed or nothing. `bad_metrics`: metrics, but not those of a model server. `too_complex`:
 * more labels, lines or escapes than are read, so that picks wait for no page.
 */
export type ScrapeErrorCode = PageErrorCode | "wrong_page" | "bad_metrics" | "too_complex";

/** A page, or why there is none. */
export type FetchedPage =
  | { readonly ok: true; readonly bytes: string | Uint8Array }
  | {
      readonly ok: false;
      readonly code: PageErrorCode;
      readonly reason: string;
      /** Where the endpoint has answered. */
      readonly status?: number;
    };

/** One place where an endpoint's metrics page may be. */
export interface ScrapePlace {
  /** What messages call the page. */
  readonly name: string;
  /** At another port or scheme than the endpoint's API: no answer there does not mean that the endpoint is down. */
  readonly isElsewhere: boolean;
  /** Calls back once. The page is read before the callback returns. */
  get(done: (page: FetchedPage) => void): void;
}

export interface ScrapeFailure {
  readonly code: ScrapeErrorCode;
  readonly reason: string;
  /** The same in a few words and without addresses, as refused clients may read it. */
  readonly kind: string;
}

/** How one scrape went. */
export interface Scraped {
  readonly startedMs: number;
  readonly tookMs: number;
  /** Of which this process read the page. */
  readonly busyMs: number;
  /** Length of the page; 0 where there is none. */
  readonly bytes: number;
  /** The endpoint has answered, whatever it was. */
  readonly isAnswered: boolean;
  /** Absent where it worked. */
  readonly failure: ScrapeFailure | undefined;
  /** Time from this scrape's beginning to the next one's, in ms; absent where it worked. */
  readonly backOffMs: number | undefined;
  /** What the pool is to know of it: where several places are tried, what is wrong with the first. */
  readonly reported: ScrapeFailure | undefined;
}

export interface EndpointScraperOptions {
  /** The likeliest first; read before each scrape. */
  readonly places: () => readonly [ScrapePlace, ...ScrapePlace[]];
  /** Undefined: by what the page holds. */
  readonly engine: () => EngineName | undefined;
  /** Time between two scrapes, in ms; read before each wait. It is stretched where the page is slow. */
  readonly intervalMs: () => number;
  /** No interval is stretched further for a slow page, in ms. */
  readonly longestMs: number;
  /** An endpoint that fails is asked less and less often, but at least this often, in ms; one whose pages are too complex each 30 s. */
  readonly maxBackOffMs: number;
  /** The clock of the pool. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Takes a page's metrics. False where the pool does not believe them, since they hide the server's load. */
  readonly record: (
    page: Extract<MetricsPage, { ok: true }>,
    startedMs: number,
    intervalMs: number,
  ) => boolean;
  /** Called after each scrape; the next one waits until `next` is called, once. */
  readonly onScraped: (scraped: Scraped, next: () => void) => void;
}

export interface EndpointScraper {
  /** No callback is called any more. */
  close(): void;
}

const kinds: Readonly<Record<ScrapeErrorCode, string>> = {
  timeout: "no answer in time",
  unreachable: "no connection",
  refused: "the metrics page is refused",
  wrong_page: "another page is where metrics should be",
  bad_status: "the metrics page answers an error",
  too_large: "the metrics page is too long",
  bad_metrics: "the metrics page has no request counts",
  too_complex: "the metrics page takes too long to read",
};

/** The code for a page that is answered with a status other than 200. */
export function statusErrorCode(status: number): "refused" | "bad_status" {
  return status === 401 || status === 403 ? "refused" : "bad_status";
}

/**
 * Scrapes one endpoint until it is closed: never two requests at once, with jitter, less often where the page is slow
 * or fails, and from place to place until the page is found.
 */
export function startEndpointScraper(options: EndpointScraperOptions): EndpointScraper {
  const { now, random } = options;
  const pace = createServerPace({ wantedMs: 0, longestMs: options.longestMs });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let at = 0;
  let firstFailure: ScrapeFailure | undefined;
  const backOff = createBackOff({ intervalMs, random, mostMs: options.maxBackOffMs });
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
      if (page.ok) pace.took(arrivedMs - startedMs);
      const failure = read(page, place.name, startedMs, arrivedMs);
      const endMs = now();
      const isAnswered = page.ok || page.status !== undefined || page.code === "too_large";
      if (failure === undefined || at === 0) firstFailure = failure;
      // Where the page is not here, it may be at the next place. An endpoint that does not answer is asked there again.
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
      return failed(code, status === undefined ? reason : pageStatusReason(name, status));
    }
    const foreign = foreignPage(page.bytes);
    if (foreign !== undefined) return failed("wrong_page", foreignPageReason(name, foreign));
    const metrics = readMetricsPage(page.bytes, arrivedMs, options.engine());
    if (!metrics.ok && metrics.isTooComplex) return failed("too_complex", tooComplexReason(name));
    if (!metrics.ok) return failed("bad_metrics", `${name} has no ${metrics.missing.join(", ")}`);
    const isBelieved = options.record(metrics, startedMs, intervalMs());
    return isBelieved ? undefined : failed("bad_metrics", hiddenLoadReason(name));
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

function failed(code: ScrapeErrorCode, reason: string): ScrapeFailure {
  return { code, reason, kind: kinds[code] };
}
