import { engineOf } from "../metrics/index.ts";
import type { PoolState } from "../pool/types.ts";
import {
  type FetchedPage,
  type ScrapePlace,
  startEndpointScraper,
  statusErrorCode,
} from "./endpoint-scraper.ts";
import { metricsPlaces } from "./metrics-place.ts";

export interface ScrapingOptions {
  /**
   * Shortest time between two scrapes of an endpoint, in ms; 100 when absent. Longer for a slow page, up to 800 ms, so
   * that the page takes at most 3 % of the server's time.
   */
  readonly everyMs?: number;
  /** 1,000 when absent. */
  readonly timeoutMs?: number;
  /** Largest page that is read; 4 MiB when absent. */
  readonly maxBytes?: number;
  /**
   * Returns the address of an endpoint's metrics page. When absent, it depends on the engine:
   * `http://<address>/metrics` for most.
   */
  readonly url?: (address: string) => string;
  /** The global `fetch` when absent. */
  readonly fetch?: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
  /** The clock of the pool; `performance.now` when absent. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Called after every scrape; `failure` is undefined if it succeeded. */
  readonly onScrape?: (address: string, tookMs: number, failure: string | undefined) => void;
}

/** The running scrapers of a pool. */
export interface Scraping {
  /** Stops scraping and aborts scrapes in progress. */
  stop(): void;
}

/** Longest interval for a slow page, in ms: two fifths of the default age at which metrics are stale. */
const longestStretchMs = 800;
/** Longest interval for an endpoint that does not answer, in ms. */
const maxBackOffMs = 2_000;

/**
 * Scrapes the endpoints of a pool, including ones added later, until stopped. Each endpoint is scraped independently,
 * one request at a time, with jitter, and less often while it does not answer. Uses `fetch` and timers; on platforms
 * that allow them only inside a request, start it there.
 */
export function startScraping(
  pool: Pick<PoolState, "addresses" | "labelsOf" | "recordScrape" | "recordScrapeFailure">,
  options: ScrapingOptions = {},
): Scraping {
  const { everyMs = 100, onScrape, now = () => performance.now(), random = Math.random } = options;
  /** Stop functions by address. */
  const scrapers = new Map<string, () => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function follow(address: string): () => void {
    const leaving = new AbortController();
    const engine = () => engineOf(pool.labelsOf(address));
    const scraper = startEndpointScraper({
      places: () => {
        const [first, ...others] = metricsPlaces(address, engine());
        const placed = ({ scheme, address: at, path }: typeof first): ScrapePlace =>
          placeOf(`${scheme}://${at}${path}`, at !== address, options, leaving.signal);
        if (options.url === undefined) return [placed(first), ...others.map(placed)];
        return [placeOf(options.url(address), false, options, leaving.signal)];
      },
      engine,
      intervalMs: () => everyMs,
      longestMs: longestStretchMs,
      ...{ maxBackOffMs, now, random },
      record: ({ metrics }, ...times) => pool.recordScrape(address, metrics, ...times),
      onScraped({ tookMs, failure, reported, backOffMs }, next) {
        const { reason = "", kind } = reported ?? {};
        if (reported) pool.recordScrapeFailure(address, reason, kind, backOffMs);
        onScrape?.(address, tookMs, failure?.reason);
        next();
      },
    });
    return () => {
      scraper.close();
      leaving.abort();
    };
  }

  function followAll(): void {
    const wanted = new Set(pool.addresses());
    for (const [address, end] of scrapers) {
      if (wanted.has(address)) continue;
      end();
      scrapers.delete(address);
    }
    for (const address of wanted) {
      if (!scrapers.has(address)) scrapers.set(address, follow(address));
    }
    timer = setTimeout(followAll, everyMs);
  }

  followAll();
  return {
    stop() {
      clearTimeout(timer);
      for (const end of scrapers.values()) end();
    },
  };
}

function placeOf(
  url: string,
  isElsewhere: boolean,
  options: ScrapingOptions,
  leaving: AbortSignal,
): ScrapePlace {
  const name = "the metrics page";
  return {
    name,
    isElsewhere,
    get: (done) =>
      void fetchPage(url, options, leaving)
        .catch((cause: unknown) => pageError(cause))
        .then(done),
  };
}

async function fetchPage(
  url: string,
  { timeoutMs = 1_000, maxBytes = 4 * 1_024 * 1_024, fetch: ask = fetch }: ScrapingOptions,
  leaving: AbortSignal,
): Promise<FetchedPage> {
  const signal = AbortSignal.any([leaving, AbortSignal.timeout(timeoutMs)]);
  const response = await ask(url, { signal });
  const { status } = response;
  const page = await textOf(response, maxBytes);
  if (status !== 200) return { ok: false, code: statusErrorCode(status), reason: "", status };
  if (page !== undefined) return { ok: true, bytes: page };
  const reason = `the metrics page is larger than ${maxBytes} bytes`;
  return { ok: false, code: "too_large", reason };
}

/** Undefined if the body is larger than `maxBytes`. */
async function textOf(response: Response, maxBytes: number): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  if (response.body === null) return text;
  const reader = response.body.getReader();
  let chunk = await reader.read();
  while (!chunk.done) {
    bytes += chunk.value.length;
    if (bytes > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    text += decoder.decode(chunk.value, { stream: true });
    chunk = await reader.read();
  }
  return text + decoder.decode();
}

function pageError(cause: unknown): FetchedPage {
  const { name, message } = (cause ?? {}) as { readonly name?: string; readonly message?: string };
  return name === "TimeoutError"
    ? { ok: false, code: "timeout", reason: "no answer in time" }
    : { ok: false, code: "unreachable", reason: message ?? String(cause) };
}
