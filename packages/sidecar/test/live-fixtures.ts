import { evaluationConfig, judge, type Sample, type ShadowReport } from "@umbra/shadow";
import { reportSections } from "@umbra/shadow/html";
import { leg } from "../../shadow/test/fixtures.ts";
import type { PoolAnswer } from "../src/admin/admin-answers.ts";
import type { Analysis } from "../src/evaluation/worker-messages.ts";
import type { MirrorState } from "../src/mirror/mirror-gate.ts";

/** A report of 2,400 pairs in ten minutes. */
export function report(candidate: string, ratio: number, route = "default/chat"): ShadowReport {
  const config = evaluationConfig({ horizonMs: 599_000, minPairs: 2_000, warmupMs: 0 });
  return judge({
    samples: samples(2_400, Date.UTC(2026, 0, 1), { candidate, route, ratio }),
    config,
    facts: { baseline: { pool: "pool-a" }, candidate: { pool: candidate }, route },
  });
}

/** The message of the evaluation thread while a page is open. */
export function look(...reports: readonly ShadowReport[]): Analysis {
  return {
    reports,
    pages: new Map(reports.map((each) => [each.evaluation.id, reportSections(each)])),
  };
}

interface Lanes {
  readonly candidate: string;
  readonly route: string;
  /** Latency ratio of shadow and primary. */
  readonly ratio: number;
}

/** Number of pairs, four per second. */
export function samples(count: number, startMs: number, lanes: Lanes): readonly Sample[] {
  return Array.from({ length: count }, (_, index) => {
    // Deterministic variation: noise per pair, and a shared size.
    const size = 1 + ((index * 7) % 13) / 13;
    const noise = 1 + (((index * 37) % 101) - 50) / 500;
    return {
      v: 1,
      id: `r${index}`,
      t0: startMs + index * 250,
      route: lanes.route,
      candidate: lanes.candidate,
      mirrored: true,
      drop: null,
      session: null,
      primary: scaled(size),
      shadow: scaled(size * noise * lanes.ratio),
      lag: 2,
    };
  });
}

const scaled = (scale: number) =>
  leg({ ttft: 100 * scale, ttfo: 100 * scale, tpot: 20 * scale, e2e: 500 * scale });

type Endpoint = PoolAnswer["endpoints"][number];

const metrics = {
  scrapedAtMs: 1_000,
  waitingRequests: 2,
  runningRequests: 11,
  kvCacheUsage: 0.42,
  activeAdapters: [],
  waitingAdapters: [],
};

/** A freshly scraped endpoint. */
export function endpoint(address: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    address,
    labels: {},
    metrics: { kind: "fresh", metrics },
    metricsAgeMs: 400,
    inFlight: 5,
    sentSinceScrape: 1,
    pendingPromptTokens: 0,
    pendingOutputTokens: 0,
    isReady: true,
    isEjected: false,
    errorShare: 0,
    isAvoided: false,
    recentAdapters: [],
    prefixBlocks: 0,
    ...more,
  } as Endpoint;
}

/** As returned by `GET /v1/pools`: one fresh endpoint and one that was never reached. */
export function pool(name: string, more: Partial<PoolAnswer> = {}): PoolAnswer {
  const { metricsAgeMs: _, ...unknown } = endpoint("10.0.0.2:8000");
  const missing = { ...unknown, metrics: { kind: "missing" }, lastFailure: "timeout" } as Endpoint;
  return {
    name,
    saturation: 0,
    models: ["llama"],
    adapters: [],
    endpoints: [endpoint("10.0.0.1:8000"), missing],
    ...more,
  };
}

/** As returned by `GET /v1/mirrors`. */
export function mirror(candidate: string, more: Partial<MirrorState> = {}): MirrorState {
  return {
    name: `default/chat ${candidate}`,
    route: "default/chat",
    candidate,
    policy: null,
    role: "candidate",
    percent: 12.5,
    by: "request",
    paused: false,
    pausedBy: null,
    breaker: "closed",
    inFlight: 7,
    notEligible: {},
    eligible: 20_000,
    sampled: 2_500,
    mirrored: 1_293,
    dropped: { concurrency: 1_204, size: 3 },
    budgetUsed: { requests: 0.3, tokens: 0, duration: 0 },
    ...more,
  };
}
