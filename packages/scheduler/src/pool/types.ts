import type { Admission } from "../admission/admission.ts";
import type { Explanation } from "../explanation.ts";
import type { ModelServerMetrics } from "../model/endpoint.ts";
import type { InferenceRequest } from "../model/request.ts";
import type { Profile } from "../profile.ts";
import type { Lease, PickResult } from "../result.ts";
import type { EndpointAnswer } from "./answer.ts";
import type { PoolEvent } from "./events.ts";
import type { HealthOptions } from "./health.ts";
import type { EndpointModels } from "./holders.ts";
import type { KnownLoad } from "./known-load.ts";
import type { PeerReport } from "./peer-report.ts";
import type { PrefixOptions } from "./prefix-view.ts";
import type { PoolSnapshot } from "./snapshot.ts";

export interface PoolOptions {
  readonly name: string;
  /** Monotonic, in ms; `performance.now` when absent. */
  readonly now?: () => number;
  /** Uniform in [0, 1); `Math.random` when absent. */
  readonly random?: () => number;
  /** Metrics older than this are treated as stale, in ms; 2,000 when absent. */
  readonly staleAfterMs?: number;
  /** Number of fallback endpoints to return, to try if the picked one can't be reached; 2 when absent. */
  readonly maxFallbacks?: number;
  /** The first rule whose `when` returns true is used; the default profile if there is none. */
  readonly profiles?: readonly ProfileRule[];
  /** Which requests are refused while the pool is saturated; sheddable ones when absent. */
  readonly admission?: Admission;
  readonly prefix?: PrefixOptions;
  /**
   * Seed of the prompts' hashes, a whole number; random when absent. Processes that exchange reports need the same one,
   * and a client must not know it.
   */
  readonly promptSeed?: number;
  readonly health?: HealthOptions;
  /**
   * Receives every event of the pool. An exception it throws propagates to the caller of the method that caused the
   * event.
   */
  readonly onEvent?: (event: PoolEvent) => void;
  /** Measures the plugins of one pick in `timeEvery` and reports them as a `timed` event; no pick when absent. */
  readonly timeEvery?: number;
  /**
   * Releases leases that were garbage-collected without having been ended, and reports them. Costs about 0.2 µs per
   * pick.
   */
  readonly detectLeaks?: boolean;
}

/** The options of a pool that can change while it runs. */
export type PoolSettings = Pick<PoolOptions, "profiles" | "admission" | "prefix" | "maxFallbacks">;

/** A profile and the requests it applies to: all if `when` is absent. */
export interface ProfileRule {
  readonly profile: Profile;
  readonly when?: (request: InferenceRequest) => boolean;
}

/** One pool: takes endpoints and scrapes, returns picks. Synchronous, without I/O or timers. */
export interface PoolState {
  readonly name: string;
  /**
   * Replaces the list of endpoints. The state of those that remain is kept, and that of endpoints that return while
   * requests still run there.
   */
  setEndpoints(endpoints: readonly (string | EndpointEntry)[]): void;
  /**
   * Replaces the settings. Endpoints, leases, health and in-flight counts are kept, and the prefix index unless
   * `prefix` changes. The plugins start again.
   */
  configure(settings: PoolSettings): void;
  /** Addresses of the endpoints that may be picked, in the order they were set. */
  addresses(): readonly string[];
  /** True for an endpoint of the pool, even if it may not be picked yet. */
  knows(address: string): boolean;
  /** Labels of the endpoint; empty if it is not in the pool. */
  labelsOf(address: string): Readonly<Record<string, string>>;
  /**
   * Records the metrics of a scrape started at `startedMs` of the pool's clock. Ignores endpoints that are not in the
   * pool. Returns false if the page shows no load although the endpoint has answered requests, which counts as a failed
   * scrape.
   *
   * @param intervalMs time between two scrapes of this endpoint, in ms; metrics are fresh for 2.5 intervals if that is
   * longer than `staleAfterMs`
   */
  recordScrape(
    address: string,
    metrics: ModelServerMetrics,
    startedMs: number,
    intervalMs?: number,
  ): boolean;
  /**
   * Records why a scrape failed. The old metrics stay and age. `kind` is a short reason without addresses, as refused
   * clients may see it.
   *
   * @param backOffMs time until the endpoint is scraped again, in ms
   */
  recordScrapeFailure(address: string, reason: string, kind?: string, backOffMs?: number): void;
  /** Records the names on an endpoint's model list: requests for a name go to endpoints that serve it. */
  recordModels(address: string, models: EndpointModels): void;
  /** Records whether an endpoint's health page reports ready. An endpoint that is not ready is picked last. */
  recordReadiness(address: string, isReady: boolean): void;
  /**
   * Records how an endpoint answered, once per request; for callers that see answers but do not end leases with `done`
   * or `fail`. With `lease`, open or ended, an answer that is not good also removes the request's prompt from what the
   * endpoint is believed to cache, and a 404 removes its adapter.
   */
  recordAnswer(address: string, answer: EndpointAnswer, lease?: Lease): void;
  pick(request: InferenceRequest, options?: PickOptions): PickResult;
  /** Explains how the request would be picked at this moment. Changes no state but draws random numbers. */
  explain(request: InferenceRequest): Explanation;
  /**
   * Returns what this process has in flight, and the newest prompts it has sent since the last call, at most 64 KiB of
   * hashes. From the first call on, prompts are noted for the next.
   */
  takeReport(): PeerReport;
  /**
   * Takes the newest report of another process, in place of the one before. Its loads count like this process's own
   * until the next report or `forgetPeer`. Returns false if there are reports of 64 others, and ignores it.
   */
  recordReport(peer: string, report: PeerReport): boolean;
  /** Drops the load of a process that has ended or reports no more. Where it has sent prompts stays known. */
  forgetPeer(peer: string): void;
  /** Saturation of the pool by its admission's detector: 0 is idle, 1 and above is saturated. */
  saturation(): number;
  /** What is known about the endpoints' load, for messages to refused clients. */
  knownLoad(): KnownLoad;
  /** State of the pool as plain data, for people and tests. Later changes do not affect it. */
  snapshot(): PoolSnapshot;
}

/** One endpoint of the list that `setEndpoints` takes. */
export interface EndpointEntry {
  /** `ip:port`. */
  readonly address: string;
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * False: the pool takes the endpoint's metrics and models but does not pick it yet. True when absent.
   */
  readonly isPickable?: boolean;
}

export interface PickOptions {
  /** Adds an explanation to the result. Costs more than the pick itself. */
  readonly explain?: boolean;
}
