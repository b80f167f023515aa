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
import type { PrefixOptions } from "./prefix-view.ts";
import type { PoolSnapshot } from "./snapshot.ts";

export interface PoolOptions {
  readonly name: string;
  /** Monotonic, in ms; `performance.now` when absent. */
  readonly now?: () => number;
  /** Uniform in [0, 1); `Math.random` when absent. */
  readonly random?: () => number;
  /** Age from which metrics count as stale, in ms; 2,000 when absent. */
  readonly staleAfterMs?: number;
  /** Endpoints named after the picked one, to be tried if it can't be reached; 2 when absent. */
  readonly maxFallbacks?: number;
  /** The first whose `when` says yes is taken; the default profile where none does. */
  readonly profiles?: readonly ProfileRule[];
  /** Who is refused when the pool is full; sheddable requests when absent. */
  readonly admission?: Admission;
  readonly prefix?: PrefixOptions;
  readonly health?: HealthOptions;
  /** Told of all that happens. What it throws comes out of the call that made it happen. */
  readonly onEvent?: (event: PoolEvent) => void;
  /** Measure one pick in so many plugin by plugin, and tell of it as `timed`; none when absent. */
  readonly timeEvery?: number;
  /** Release leases that were thrown away without their end, and tell of them. Costs each pick some 0.2 µs. */
  readonly detectLeaks?: boolean;
}

/** A profile, and which requests it is for: all when `when` is absent. */
export interface ProfileRule {
  readonly profile: Profile;
  readonly when?: (request: InferenceRequest) => boolean;
}

/** One pool: endpoints and scrapes go in, picks come out. Synchronous, without I/O and timers. */
export interface PoolState {
  readonly name: string;
  /** Names the endpoints. What is known of those that stay is kept. */
  setEndpoints(endpoints: readonly (string | EndpointEntry)[]): void;
  /** In the order in which they were set. */
  addresses(): readonly string[];
  /** None of a stranger. */
  labelsOf(address: string): Readonly<Record<string, string>>;
  /**
   * Takes the metrics of a scrape that was sent at `startedMs` of the pool's clock. Of a stranger it takes none. Returns
   * false where the page shows no load although the endpoint has answered requests: that is a failed scrape.
   *
   * @param intervalMs time between two scrapes of this endpoint, where it is long: the metrics are fresh for 2.5 of it
   */
  recordScrape(
    address: string,
    metrics: ModelServerMetrics,
    startedMs: number,
    intervalMs?: number,
  ): boolean;
  /**
   * Notes why a scrape failed. The old metrics stay, and age. `kind` says it in a few words and without addresses, as
   * refused clients may see it.
   *
   * @param backOffMs until the endpoint is scraped again
   */
  recordScrapeFailure(address: string, reason: string, kind?: string, backOffMs?: number): void;
  /** Takes the names that an endpoint's own model list has: requests for a name go where it is served. */
  recordModels(address: string, models: EndpointModels): void;
  /** Takes whether an endpoint's server takes requests, by its own health page. One that does not is picked last. */
  recordReadiness(address: string, isReady: boolean): void;
  /**
   * Takes how an endpoint has answered, from whoever sees answers and does not end leases with them: once for each
   * request. `lease` is the request's, open or ended: an answer that is not good then takes back that the endpoint holds
   * the request's prompt, and a 404 that it holds its adapter.
   */
  recordAnswer(address: string, answer: EndpointAnswer, lease?: Lease): void;
  pick(request: InferenceRequest, options?: PickOptions): PickResult;
  /** How the request would be picked now. Changes nothing, except that random numbers are drawn. */
  explain(request: InferenceRequest): Explanation;
  /** How full the pool is, by its admission's detector: 0 idle, 1 and more full. */
  saturation(): number;
  /** What is known of the endpoints' load, for messages to those whom the pool refuses. */
  knownLoad(): KnownLoad;
  /** For people and tests: plain data, unchanged by what comes after. */
  snapshot(): PoolSnapshot;
}

export interface EndpointEntry {
  /** `ip:port`. */
  readonly address: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface PickOptions {
  /** The result tells how it came about. Costs more than the pick. */
  readonly explain?: boolean;
}
