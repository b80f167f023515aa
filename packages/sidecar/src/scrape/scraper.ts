import { type EngineName, readMetricsPage } from "@umbra/scheduler/metrics";
import type { ServedPool } from "../exchange/pool-registry.ts";
import { createEndpointClient, type Page, type PageErrorCode } from "./endpoint-client.ts";
import { readModelList } from "./model-list.ts";

export interface ScraperOptions {
  readonly address: string;
  /** Every pool that the endpoint is a member of. */
  readonly pools: readonly ServedPool[];
  /** Undefined: by what its page holds. */
  readonly engine: EngineName | undefined;
  /** Asked before each wait, in ms. */
  readonly intervalMs: () => number;
  readonly timeoutMs: number;
  /** Same clock as the pools'. */
  readonly now: () => number;
  readonly random: () => number;
  readonly onScrape: (pools: readonly string[], outcome: ScrapeOutcome, tookMs: number) => void;
  /** How long the process was busy with a page of so many bytes. */
  readonly onBusy: (busyMs: number, bytes: number) => void;
}

export type ScrapeOutcome = "ok" | PageErrorCode | "bad_metrics";

export interface Scraper {
  /** True once a first scrape was tried, whatever came of it. */
  readonly hasTried: boolean;
  close(): Promise<void>;
}

const modelListIntervalMs = 10_000;
/** A dead endpoint is asked less and less often, but at least this often. */
const maxBackOffMs = 1_000;

/** Scrapes one endpoint for ever: one request at a time, on one kept connection. */
export function startScraper(options: ScraperOptions): Scraper {
  const { address, pools, engine, timeoutMs, now, random } = options;
  const names = pools.map(({ name }) => name);
  const client = createEndpointClient(address, timeoutMs);
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let nextModelListMs = 0;
  let hasTried = false;
  let isClosed = false;

  function scrape(): void {
    const startedMs = now();
    client.get("/metrics", (page) => {
      if (isClosed) return;
      const arrivedMs = now();
      const failure = take(page, startedMs, arrivedMs);
      const endMs = now();
      options.onBusy(endMs - arrivedMs, page.ok ? page.bytes.length : 0);
      options.onScrape(names, failure?.code ?? "ok", endMs - startedMs);
      failures = failure === undefined ? 0 : failures + 1;
      if (failure !== undefined) {
        for (const { state } of pools) state.recordScrapeFailure(address, failure.reason);
      }
      hasTried = true;
      if (failure === undefined && startedMs >= nextModelListMs) readModels(startedMs);
      else waitFrom(startedMs);
    });
  }

  function take(
    page: Page,
    startedMs: number,
    arrivedMs: number,
  ): { readonly code: ScrapeOutcome; readonly reason: string } | undefined {
    if (!page.ok) return page;
    const read = readMetricsPage(page.bytes, arrivedMs, engine);
    if (!read.ok) {
      return { code: "bad_metrics", reason: `no ${read.missing.join(", ")} in /metrics` };
    }
    for (const { state, queue } of pools) {
      state.recordScrape(address, read.metrics, startedMs);
      queue?.poke();
    }
    return undefined;
  }

  function readModels(startedMs: number): void {
    nextModelListMs = startedMs + modelListIntervalMs;
    client.get("/v1/models", (page) => {
      if (isClosed) return;
      const models = page.ok ? readModelList(page.bytes.toString()) : undefined;
      if (models !== undefined) for (const { served } of pools) served.record(address, models);
      waitFrom(startedMs);
    });
  }

  function waitFrom(startedMs: number): void {
    const intervalMs = options.intervalMs();
    const backOffMs = Math.min(
      intervalMs * 2 ** Math.min(failures, 10),
      Math.max(maxBackOffMs, intervalMs),
    );
    // Jitter keeps the scrapes of many endpoints from falling together.
    const waitMs = (failures === 0 ? intervalMs : backOffMs) * (0.9 + 0.2 * random());
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
      await client.close();
    },
  };
}
