import { createEngine, defaultOptions, type Engine } from "@umbra/simulator/internal";
import type { Policy } from "./policies.ts";
import { createRandom } from "./random.ts";
import { blockHashes, bytesPerToken } from "./text.ts";
import { createVirtualClock } from "./virtual-clock.ts";
import type { BenchRequest, Workload } from "./workloads.ts";

/** The servers: an 8B model on a mid-range GPU, about. */
const serverOptions = {
  maxNumSeqs: 128,
  blockSize: 16,
  numGpuBlocks: 6_000,
  prefillTokensPerSecond: 8_000,
  decodeTokensPerSecond: 50,
  maxLoras: 4,
  loraLoadMs: 800,
} as const;

/** Not counted: the pool fills. */
const warmUpMs = 30_000;

/** How one policy did on one workload. */
export interface Outcome {
  readonly policy: string;
  readonly workload: string;
  /** That arrived in the measured time. */
  readonly requests: number;
  /** Of them within the workload's SLO, per second. */
  readonly goodput: number;
  readonly ttftMs: { readonly p50: number; readonly p90: number; readonly p99: number };
  readonly e2eMs: { readonly p50: number; readonly p99: number };
  readonly loraLoads: number;
  /** 0 to 1. */
  readonly prefixHitRate: number;
}

interface Finished {
  readonly ttftMs: number;
  readonly e2eMs: number;
  readonly isGood: boolean;
}

export interface PlayOptions {
  readonly seed: number;
  /** Of virtual time. */
  readonly seconds: number;
  /** Between two scrapes of a server, in ms. */
  readonly scrapeEveryMs: number;
}

/** Plays a workload. */
export function play(
  workload: Workload,
  policy: Policy,
  { seed, seconds, scrapeEveryMs }: PlayOptions,
): Outcome {
  const clock = createVirtualClock();
  const endMs = seconds * 1_000;
  const random = createRandom(seed);
  const traffic = random.fork();
  const draws = random.fork();
  const engines = new Map<string, Engine>();
  for (const [i, speed] of workload.speeds.entries()) {
    const { prefillTokensPerSecond, decodeTokensPerSecond } = serverOptions;
    const options = {
      ...defaultOptions,
      ...serverOptions,
      prefillTokensPerSecond: prefillTokensPerSecond * speed,
      decodeTokensPerSecond: decodeTokensPerSecond * speed,
    };
    engines.set(`10.0.0.${i + 1}:8000`, createEngine(options, clock));
  }
  const addresses = [...engines.keys()];
  const { now, schedule } = clock;
  const picking = policy.create({ now, schedule, random: () => draws.next(), addresses });

  // Each process that picks scrapes at times of its own.
  const scrapes = [...engines].flatMap((each) =>
    (picking.scraped ?? []).map((scraped) => [each, scraped] as const),
  );
  for (const [i, [[address, engine], scraped]] of scrapes.entries()) {
    const scrape = (): void => {
      scraped(address, metricsOf(engine, clock.now()), clock.now());
      clock.schedule(scrape, scrapeEveryMs * (0.9 + 0.2 * draws.next()));
    };
    clock.schedule(scrape, (i * scrapeEveryMs) / scrapes.length);
  }

  const finished: Finished[] = [];
  let requests = 0;

  function send(request: BenchRequest): void {
    const sentMs = clock.now();
    const isMeasured = sentMs >= warmUpMs && sentMs < endMs;
    if (isMeasured) requests++;
    const picked = picking.pick(request);
    let ttftMs: number | undefined;
    (engines.get(picked.address) as Engine).submit({
      promptTokens: request.prompt.length / bytesPerToken,
      outputTokens: request.outputTokens,
      promptBlocks: blockHashes(request.prompt, serverOptions.blockSize, request.adapter ?? ""),
      ...(request.adapter === undefined ? {} : { adapter: request.adapter }),
      onToken(isLast) {
        if (ttftMs === undefined) {
          ttftMs = clock.now() - sentMs;
          picked.firstToken();
        }
        if (!isLast) return;
        picked.done(request.outputTokens);
        request.onDone?.();
        if (!isMeasured) return;
        const e2eMs = clock.now() - sentMs;
        const tpotMs = (e2eMs - ttftMs) / Math.max(1, request.outputTokens - 1);
        const isGood = ttftMs <= workload.slo.ttftMs && tpotMs <= workload.slo.tpotMs;
        finished.push({ ttftMs, e2eMs, isGood });
      },
    });
  }

  const stage = { random: traffic, now: clock.now, schedule: clock.schedule, send };
  workload.start(stage);
  // What has arrived by the end is given a minute to finish; what has not by then was not good.
  clock.runUntil(endMs + 60_000);
  const gauges = [...engines.values()].map((engine) => engine.gauges());
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const ttfts = finished.map((each) => each.ttftMs).toSorted((a, b) => a - b);
  const e2es = finished.map((each) => each.e2eMs).toSorted((a, b) => a - b);
  const measuredSeconds = (endMs - warmUpMs) / 1_000;
  return {
    policy: policy.name,
    workload: workload.name,
    requests,
    goodput: finished.filter(({ isGood }) => isGood).length / measuredSeconds,
    ttftMs: { p50: at(ttfts, 0.5), p90: at(ttfts, 0.9), p99: at(ttfts, 0.99) },
    e2eMs: { p50: at(e2es, 0.5), p99: at(e2es, 0.99) },
    loraLoads: sum(gauges.map(({ adapterLoads }) => adapterLoads)),
    prefixHitRate:
      sum(gauges.map(({ prefixHitTokens }) => prefixHitTokens)) /
      Math.max(1, sum(gauges.map(({ prefixQueryTokens }) => prefixQueryTokens))),
  };
}

function metricsOf(engine: Engine, nowMs: number) {
  const { waiting, running, kvCacheUsage, runningAdapters, waitingAdapters } = engine.gauges();
  return {
    scrapedAtMs: nowMs,
    waitingRequests: waiting,
    runningRequests: running,
    kvCacheUsage,
    // vLLM lists adapters in use, not those that are loaded.
    activeAdapters: new Set([...runningAdapters, ...waitingAdapters]),
    maxActiveAdapters: serverOptions.maxLoras,
    kvBlockTokens: serverOptions.blockSize,
    kvBlocks: serverOptions.numGpuBlocks,
  };
}

function at(sorted: readonly number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? Number.NaN;
}
