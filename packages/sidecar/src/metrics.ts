import type { Recorder } from "@umbra/shadow";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Lane, PickOutcome } from "./exchange/pick.ts";
import type { PoolRegistry } from "./exchange/pool-registry.ts";
import type { ScrapeOutcome } from "./scrape/scraper.ts";

export interface SidecarMetrics {
  readonly registry: Registry;
  decided(pool: string, lane: Lane, outcome: PickOutcome, tookMs: number): void;
  scraped(outcome: ScrapeOutcome, tookMs: number): void;
  streamFailed(): void;
  /** A twin was ended because its client went away. */
  twinCancelled(): void;
}

/** What the sidecar tells Prometheus. Label values come from the topology and closed lists, never from clients. */
export function createSidecarMetrics(
  pools: PoolRegistry,
  recorder: Recorder,
  openStreams: () => number,
): SidecarMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const picks = createPickCounts();
  new Counter({
    name: "umbra_picks_total",
    help: "Requests by lane, pool and what became of the pick.",
    labelNames: ["lane", "pool", "outcome"],
    registers,
    collect() {
      this.reset();
      for (const { labels, count } of picks.all()) this.inc(labels, count);
    },
  });
  const pickSeconds = new Histogram({
    name: "umbra_pick_duration_seconds",
    help: "From the whole request to the decision, of one pick in eight; the gRPC exchange is not in it.",
    labelNames: ["lane"],
    buckets: [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1],
    registers,
  });
  const scrapes = new Counter({
    name: "umbra_scrapes_total",
    help: "Scrapes of endpoints by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const scrapeSeconds = new Histogram({
    name: "umbra_scrape_duration_seconds",
    help: "One scrape of one endpoint.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers,
  });
  const failed = new Counter({
    name: "umbra_stream_failures_total",
    help: "ext_proc streams that ended by an error of this process.",
    registers,
  });
  const cancelled = new Counter({
    name: "umbra_shadow_cancelled_total",
    help: "Mirrored requests that were ended because the client of the original went away.",
    registers,
  });
  new Gauge({
    name: "umbra_open_streams",
    help: "ext_proc streams open now.",
    registers,
    collect() {
      this.set(openStreams());
    },
  });
  new Gauge({
    name: "umbra_endpoint_in_flight",
    help: "Requests sent to an endpoint by this process and not yet finished.",
    labelNames: ["pool", "endpoint"],
    registers,
    collect() {
      this.reset();
      for (const { name, state } of pools.values()) {
        for (const { address, inFlight } of state.snapshot().endpoints) {
          this.set({ pool: name, endpoint: address }, inFlight);
        }
      }
    },
  });
  new Gauge({
    name: "umbra_pairs",
    help: "Pairs of a primary request and its twin that are kept.",
    registers,
    collect() {
      this.set(recorder.stats().pairs);
    },
  });
  let decisions = 0;
  return {
    registry,
    decided(pool, lane, outcome, tookMs) {
      picks.count(lane, pools.has(pool) ? pool : "unknown", outcome);
      if (decisions++ % 8 === 0) pickSeconds.observe({ lane }, tookMs / 1_000);
    },
    scraped(outcome, tookMs) {
      scrapes.inc({ outcome });
      scrapeSeconds.observe(tookMs / 1_000);
    },
    streamFailed() {
      failed.inc();
    },
    twinCancelled() {
      cancelled.inc();
    },
  };
}

interface PickCount {
  readonly labels: { readonly lane: Lane; readonly pool: string; readonly outcome: PickOutcome };
  count: number;
}

/** Counts picks without prom-client, whose look-up by labels costs more than a pick. */
function createPickCounts() {
  const counts = new Map<string, Map<PickOutcome, PickCount>>();
  return {
    count(lane: Lane, pool: string, outcome: PickOutcome): void {
      const key = lane === "shadow" ? ` ${pool}` : pool;
      let byOutcome = counts.get(key);
      if (byOutcome === undefined) {
        byOutcome = new Map();
        counts.set(key, byOutcome);
      }
      const found = byOutcome.get(outcome);
      if (found === undefined)
        byOutcome.set(outcome, { labels: { lane, pool, outcome }, count: 1 });
      else found.count++;
    },
    all: (): readonly PickCount[] => [...counts.values()].flatMap((each) => [...each.values()]),
  };
}
