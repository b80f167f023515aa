import { engineOf, readMetricsPage } from "../metrics/index.ts";
import { hiddenLoadReason } from "../pool/first-load.ts";
import type { PoolState } from "../pool/types.ts";
import { foreignPage, foreignPageReason, pageStatusReason } from "./foreign-page.ts";
import { metricsPlaces } from "./metrics-place.ts";
import { createServerPace } from "./server-pace.ts";

export { hiddenLoadReason } from "../pool/first-load.ts";
export {
  type ForeignPage,
  foreignPage,
  foreignPageReason,
  pageStatusReason,
} from "./foreign-page.ts";
export { type MetricsPlace, type MetricsPlaceSettings, metricsPlaces } from "./metrics-place.ts";

export { createServerPace, type ServerPace, type ServerPaceOptions } from "./server-pace.ts";

export interface ScrapingOptions {
  /**
   * Shortest time between two scrapes of an endpoint, in ms; 100 when absent. It is stretched where a page is slow, so
   * that the page takes at most 3 % of the server's time, up to 800 ms.
   */
  readonly everyMs?: number;
  /** 1,000 when absent. */
  readonly timeoutMs?: number;
  /** A longer page is given up; 4 MiB when absent. */
  readonly maxBytes?: number;
  /** Where an endpoint's page is; absent: where its engine has it, `http://<address>/metrics` for most. */
  readonly url?: (address: string) => string;
  /** The global one when absent. */
  readonly fetch?: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
  /** The clock of the pool; `performance.now` when absent. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  /** Told of every scrape; `failure` is absent where it worked. */
  readonly onScrape?: (address: string, tookMs: number, failure: string | undefined) => void;
}

export interface Scraping {
  /** Ends it, and gives up what is under way. */
  stop(): void;
}

/** Longest interval for the sake of a slow page, in ms: two fifths of the age at which metrics are stale by default. */
const longestStretchMs = 800;
/** A dead endpoint is asked less and less often, but at least this often, in ms. */
const maxBackOffMs = 2_000;

/**
 * Scrapes the endpoints of a pool until it is stopped, those that come later too: each on its own, never two at once
 * for one endpoint, with jitter, and less often while an endpoint does not answer. Uses `fetch` and timers, so start
 * it inside a request where the platform has no others.
 */
export function startScraping(
  pool: Pick<PoolState, "addresses" | "labelsOf" | "recordScrape" | "recordScrapeFailure">,
  options: ScrapingOptions = {},
): Scraping {
  const {
    everyMs = 100,
    timeoutMs = 1_000,
    maxBytes = 4 * 1_024 * 1_024,
    url,
    fetch: ask = (input, init) => fetch(input, init),
    now = () => performance.now(),
    random = Math.random,
    onScrape,
  } = options;
  const stopping = new AbortController();
  const followed = new Set<string>();
  let wanted: ReadonlySet<string> = new Set();

  /** `isElsewhere`: at another port. No answer there does not mean that the endpoint is down. */
  function pagesOf(address: string): readonly { from: string; isElsewhere: boolean }[] {
    if (url !== undefined) return [{ from: url(address), isElsewhere: false }];
    const places = metricsPlaces(address, engineOf(pool.labelsOf(address)));
    return places.map((place) => ({
      from: `${place.scheme}://${place.address}${place.path}`,
      isElsewhere: place.address !== address,
    }));
  }

  async function read(
    address: string,
    from: string,
    startedMs: number,
    intervalMs: number,
  ): Promise<string | undefined> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await ask(from, { signal });
    const page = await textOf(response, maxBytes);
    if (response.status !== 200) return pageStatusReason("the metrics page", response.status);
    if (page === undefined) return `the metrics page is larger than ${maxBytes} bytes`;
    const foreign = foreignPage(page);
    if (foreign !== undefined) return foreignPageReason("the metrics page", foreign);
    const scrape = readMetricsPage(page, now(), engineOf(pool.labelsOf(address)));
    if (!scrape.ok) return `the metrics page has no ${scrape.missing.join(", ")}`;
    const isBelieved = pool.recordScrape(address, scrape.metrics, startedMs, intervalMs);
    return isBelieved ? undefined : hiddenLoadReason("the metrics page");
  }

  async function follow(address: string): Promise<void> {
    followed.add(address);
    const pace = createServerPace({ wantedMs: everyMs, longestMs: longestStretchMs });
    let at = 0;
    let firstFailure: string | undefined;
    for (let failures = 0; isWanted(address); ) {
      const startedMs = now();
      const wantedMs = pace.intervalMs();
      // Its labels may have changed.
      const pages = pagesOf(address);
      at %= pages.length;
      const { from, isElsewhere } = pages[at] as (typeof pages)[number];
      let goesOn = true;
      const failure = await read(address, from, startedMs, wantedMs).catch((cause) => {
        goesOn = isElsewhere;
        return reasonOf(cause);
      });
      if (stopping.signal.aborted) break;
      failures = failure === undefined ? 0 : failures + 1;
      if (failure === undefined) {
        pace.took(now() - startedMs);
        firstFailure = undefined;
      } else {
        // Where the page is not here, it may be at the next place; what is wrong with the first is reported.
        if (at === 0) firstFailure = failure;
        if (goesOn) at++;
        pool.recordScrapeFailure(address, firstFailure ?? failure);
      }
      onScrape?.(address, now() - startedMs, failure);
      const waitMs = Math.min(
        wantedMs * 2 ** Math.min(failures, 10),
        Math.max(maxBackOffMs, wantedMs),
      );
      // Jitter keeps the scrapes of many endpoints from falling together.
      await sleep(waitMs * (0.9 + 0.2 * random()) - (now() - startedMs), stopping.signal);
    }
    followed.delete(address);
  }

  function isWanted(address: string): boolean {
    return !stopping.signal.aborted && wanted.has(address);
  }

  async function followAll(): Promise<void> {
    while (!stopping.signal.aborted) {
      wanted = new Set(pool.addresses());
      for (const address of wanted) if (!followed.has(address)) void follow(address);
      await sleep(everyMs, stopping.signal);
    }
  }

  void followAll();
  return { stop: () => stopping.abort() };
}

/** Undefined for a longer one. */
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

function reasonOf(cause: unknown): string {
  const { name, message } = (cause ?? {}) as { readonly name?: string; readonly message?: string };
  return name === "TimeoutError" ? "no answer in time" : (message ?? String(cause));
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.max(0, ms));
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
