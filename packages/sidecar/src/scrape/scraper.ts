import { vllmMetrics } from "@umbra/scheduler/metrics";
import { Pool as HttpPool } from "undici";
import type { ServedPool } from "../exchange/pool-registry.ts";
import { readModelList } from "./model-list.ts";

export interface ScraperOptions {
  readonly address: string;
  /** Every pool that the endpoint is a member of. */
  readonly pools: readonly ServedPool[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Same clock as the pools'. */
  readonly now: () => number;
  readonly random: () => number;
  readonly onScrape: (outcome: ScrapeOutcome, tookMs: number) => void;
}

export type ScrapeOutcome =
  | "ok"
  | "timeout"
  | "unreachable"
  | "bad_status"
  | "too_large"
  | "bad_metrics";

export interface Scraper {
  /** Resolves when a first scrape was tried, whatever came of it. */
  readonly firstTried: Promise<void>;
  close(): Promise<void>;
}

const maxPageBytes = 4 * 1024 * 1024;
const modelListIntervalMs = 10_000;
/** A dead endpoint is asked less and less often, but at least this often. */
const maxBackOffMs = 1_000;

/** Scrapes one endpoint for ever: one request at a time, on one kept connection. */
export function startScraper(options: ScraperOptions): Scraper {
  const { address, pools, intervalMs, timeoutMs, now, random } = options;
  const http = new HttpPool(`http://${address}`, {
    connections: 1,
    pipelining: 1,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4_000,
  });
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let nextModelListMs = 0;
  let tried = () => {};
  const firstTried = new Promise<void>((resolve) => {
    tried = resolve;
  });

  async function fetchText(path: string): Promise<string> {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]);
    const { statusCode, body } = await http.request({ path, method: "GET", signal });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxPageBytes) throw new ScrapeError("too_large", `${path} is larger than 4 MiB`);
      chunks.push(chunk);
    }
    if (statusCode !== 200) throw new ScrapeError("bad_status", `${path} answered ${statusCode}`);
    return Buffer.concat(chunks).toString("latin1");
  }

  async function scrape(): Promise<void> {
    const startedMs = now();
    const outcome = await scrapeOnce(startedMs).catch((cause: unknown) => asScrapeError(cause));
    if (closing.signal.aborted) return;
    failures = outcome === undefined ? 0 : failures + 1;
    if (outcome !== undefined) {
      for (const { state } of pools) state.recordScrapeFailure(address, outcome.message);
    }
    options.onScrape(outcome?.code ?? "ok", now() - startedMs);
    tried();
    const backOffMs = Math.min(
      intervalMs * 2 ** Math.min(failures, 10),
      Math.max(maxBackOffMs, intervalMs),
    );
    // Jitter keeps the scrapes of many endpoints from falling together.
    const waitMs = (failures === 0 ? intervalMs : backOffMs) * (0.9 + 0.2 * random());
    timer = setTimeout(() => void scrape(), Math.max(0, waitMs - (now() - startedMs)));
  }

  async function scrapeOnce(startedMs: number): Promise<undefined> {
    const text = await fetchText("/metrics");
    const read = vllmMetrics(text, now());
    if (!read.ok) throw new ScrapeError("bad_metrics", `no ${read.missing.join(", ")} in /metrics`);
    for (const { state } of pools) state.recordScrape(address, read.metrics, startedMs);
    if (startedMs < nextModelListMs) return;
    nextModelListMs = startedMs + modelListIntervalMs;
    const models = readModelList(await fetchText("/v1/models"));
    if (models !== undefined) for (const { served } of pools) served.record(address, models);
  }

  void scrape();
  return {
    firstTried,
    async close() {
      closing.abort();
      clearTimeout(timer);
      await http.destroy();
    },
  };
}

class ScrapeError extends Error {
  override readonly name = "ScrapeError";
  readonly code: ScrapeOutcome;

  constructor(code: ScrapeOutcome, message: string) {
    super(message);
    this.code = code;
  }
}

function asScrapeError(cause: unknown): ScrapeError {
  if (cause instanceof ScrapeError) return cause;
  const { name, message, code } = cause as { name?: string; message?: string; code?: string };
  const isTimeout = name === "TimeoutError" || name?.endsWith("TimeoutError") === true;
  if (isTimeout) return new ScrapeError("timeout", "no answer in time");
  return new ScrapeError("unreachable", code ?? message ?? "unreachable");
}
