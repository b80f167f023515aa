import type { Topology } from "@umbra/envoy-config";
import type { PoolEvent } from "@umbra/scheduler";
import type { Leg } from "@umbra/shadow";
import type { Lane } from "../decision/request-account.ts";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { addAnswerMetrics } from "./answer-metrics.ts";
import { addCompatMetrics, type CompatMetrics } from "./compat-metrics.ts";
import { addCompatStreams } from "./compat-streams.ts";
import { addDerivedMetrics } from "./compatible.ts";
import { createExposition, type Exposition } from "./exposition.ts";
import { configuredModels, createPickLabels, type PickLabels } from "./pick-labels.ts";
import { addPoolMetrics } from "./pool-metrics.ts";
import { poolStatistics } from "./pool-statistics.ts";
import { addProcessMetrics, type ProcessMetrics } from "./process-metrics.ts";
import { addQueueMetrics, type OnQueue } from "./queue-metrics.ts";
import { addRequestMetrics, type RequestMetrics } from "./request-metrics.ts";
import { addSchedulerMetrics } from "./scheduler-metrics.ts";
import {
  addModelListMetrics,
  addScrapeMetrics,
  type OnModelList,
  type OnScrape,
} from "./scrape-metrics.ts";

export interface SidecarMetricsOptions {
  readonly topology: Topology;
  readonly pools: PoolRegistry;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Returns the number of pairs kept so far. */
  readonly pairs: () => number;
  /** True to add the reference endpoint picker's names. */
  readonly isCompatible: boolean;
}

const storedKinds = ["samples", "captures"] as const;
export type StoredKind = (typeof storedKinds)[number];

/** Prometheus metrics of the sidecar. Label values come from configuration and closed lists, and are few. */
export interface SidecarMetrics extends ProcessMetrics {
  readonly exposition: Exposition;
  readonly labels: PickLabels;
  readonly requests: RequestMetrics;
  readonly compat: CompatMetrics | undefined;
  readonly answered: (leg: Leg) => void;
  readonly scraped: OnScrape;
  readonly modelListRead: OnModelList;
  readonly poolTold: (event: PoolEvent) => void;
  readonly queueTold: OnQueue;
  /** Takes over the model names of the topology. Returns true if some are gone. */
  begin(topology: Topology): boolean;
  /** Removes the values of pools, endpoints and models that are gone. Takes some ms if there are many. */
  forgetGone(): void;
  /** A twin was ended because its client disconnected. */
  twinCancelled(): void;
  /** An answer was not measured to its end: it was too long, or there was no time. */
  observeOverloaded(lane: Lane): void;
  /** The thread that reads answers ended and will be restarted. */
  answerThreadEnded(): void;
  /** An uncaught error occurred. */
  faulted(): void;
  /** Data could not be stored. */
  storageFailed(what: StoredKind): void;
}

export function createSidecarMetrics(options: SidecarMetricsOptions): SidecarMetrics {
  const { topology, pools, now, pairs, isCompatible } = options;
  const exposition = createExposition();
  const labels = createPickLabels(pools, configuredModels(topology));
  const statistics = poolStatistics(pools, now);
  const requests = addRequestMetrics(exposition, labels);
  const answered = addAnswerMetrics(exposition, labels);
  const schedulerTold = addSchedulerMetrics(exposition);
  addPoolMetrics(exposition, statistics);
  const scraped = addScrapeMetrics(exposition);
  const modelListRead = addModelListMetrics(exposition);
  const queueTold = addQueueMetrics(exposition, pools);
  const streams = addProcessMetrics(exposition);
  const cancelled = exposition.counter({
    name: "umbra_shadow_cancelled_total",
    help: "Twins that were ended because the client of the primary request disconnected.",
  });
  cancelled.at();
  const failures = addFailureMetrics(exposition);
  exposition.gauge(
    {
      name: "umbra_pairs",
      help: "Stored pairs of a primary request and its twin.",
    },
    () => [[[], pairs()]],
  );
  const compat = isCompatible ? addCompatMetrics(exposition, labels) : undefined;
  const compatStreams = isCompatible ? addCompatStreams(exposition) : undefined;
  if (isCompatible) addDerivedMetrics(exposition);

  return {
    ...streams,
    ...failures,
    ...{ exposition, labels, requests, compat, answered, scraped, modelListRead, queueTold },
    begin: (next) => labels.configure(configuredModels(next)),
    forgetGone() {
      exposition.forget(labels.goneOf);
      // A model that is shown is counted among the requests.
      const shown = requests.models();
      labels.forgetModels(shown);
      compat?.forget((model) => labels.isGoneModel(model, shown), labels.isGonePool);
    },
    poolTold(event) {
      schedulerTold(event);
      compat?.told(event);
    },
    streamOpened(kind) {
      streams.streamOpened(kind);
      compatStreams?.streamOpened();
    },
    streamEnded(kind, outcome, tookMs) {
      streams.streamEnded(kind, outcome, tookMs);
      compatStreams?.streamEnded(outcome, tookMs);
    },
    twinCancelled() {
      cancelled.at().value++;
    },
  };
}

type FailureMetrics = Pick<
  SidecarMetrics,
  "observeOverloaded" | "answerThreadEnded" | "storageFailed" | "faulted"
>;

/** Work that was skipped or failed so that picks continue. */
function addFailureMetrics(exposition: Exposition): FailureMetrics {
  const overloaded = exposition.counter({
    name: "umbra_observe_overloaded_total",
    help: "Answers that were not measured to their end: too many at the same time, too long, too fast, or the reading thread was behind or had ended.",
    labels: ["lane"],
  });
  for (const lane of ["primary", "shadow"] as const) overloaded.at(lane);
  const ends = exposition.counter({
    name: "umbra_answer_thread_ends_total",
    help: "Unexpected ends of the thread that reads observed answers; it restarts within about a minute.",
  });
  ends.at();
  const unstored = exposition.counter({
    name: "umbra_storage_failures_total",
    help: "Failures to store data: samples of evaluations, or captures.",
    labels: ["kind"],
  });
  for (const kind of storedKinds) unstored.at(kind);
  const faults = exposition.counter({
    name: "umbra_uncaught_errors_total",
    help: "Uncaught errors in this process. Each is a bug.",
  });
  faults.at();
  return {
    faulted() {
      faults.at().value++;
    },
    observeOverloaded(lane) {
      overloaded.at(lane).value++;
    },
    answerThreadEnded() {
      ends.at().value++;
    },
    storageFailed(kind) {
      unstored.at(kind).value++;
    },
  };
}
