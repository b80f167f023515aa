import type { Model, Pool } from "@umbra/envoy-config";
import {
  createModelRewriter,
  createPool,
  type ModelRewriter,
  type PoolEvent,
  type PoolSettings,
  type PoolState,
} from "@umbra/scheduler";
import type { FlowSettings, PickerConfig } from "@umbra/scheduler/config";
import type { FlowEvent, FlowQueue } from "@umbra/scheduler/flow";
import type { EngineName } from "@umbra/scheduler/metrics";
import { isSameData } from "./is-same-data.ts";
import { createPoolQueue, type PoolQueue } from "./pool-queue.ts";
import { ServedModels } from "./served-models.ts";

/** A pool in which Umbra picks: its scheduler state and its model names. It is the same object until the pool is gone. */
export interface ServedPool {
  readonly name: string;
  /** Namespace of its resource. */
  readonly namespace: string;
  readonly state: PoolState;
  /** Endpoints to scrape: those that may be picked, and new ones that Envoy may not have yet. */
  readonly endpoints: readonly string[];
  /** How its endpoints are scraped. The same object until it changes. */
  readonly reach: Reach;
  /** Model names from InferenceModels. If empty, every name is accepted. */
  readonly listedModels: ReadonlySet<string>;
  /** The header with the model, if the body is not read. */
  readonly modelHeader: string | undefined;
  readonly onlyModel: string | undefined;
  /** The engine of each endpoint, from its metrics page, by address. */
  readonly engines: Map<string, EngineName>;
  /** The model names that the endpoints serve. */
  readonly served: ServedModels;
  /** Returns the priority from InferenceModels; Standard by default. */
  priorityOf(model: string | undefined): Model["criticality"];
  /** Priorities by the name of an InferenceObjective. */
  readonly objectives: ReadonlyMap<string, number>;
  /** Returns the model name for the endpoint, from InferenceModels and InferenceModelRewrites. */
  readonly rewrite: ModelRewriter;
  /** Number of fallback endpoints for third-party gateways: many accept only one endpoint. */
  readonly gatewayFallbacks: number;
  /** The queue of requests while the pool is saturated; undefined without flow control. */
  readonly queue: FlowQueue | undefined;
  /** The settings of the queue; undefined without flow control. */
  readonly queueSettings: FlowSettings | undefined;
  /** Called for each stream that names the pool, which stays until `leave` was called as often. */
  enter(): void;
  leave(): void;
}

export type Reach = Pick<Pool, "tls" | "scrape" | "endpointScrape">;

export interface ServedPoolOptions {
  readonly now: () => number;
  readonly random: () => number;
  readonly staleAfterMs: number;
  /** Called for events of any pool, including picks. */
  readonly onEvent?: (event: PoolEvent) => void;
  /** Called for events of any pool's queue. */
  readonly onQueue?: (pool: string, event: FlowEvent) => void;
  /** Number of fallback endpoints, for all gateways; absent: from each pool's configuration. */
  readonly fallbacks?: number;
  /** Maximum time in a queue, in ms; absent: from the queue's configuration. */
  readonly maxWaitMs?: number;
  /** Seed of the prompts' hashes, as in the scheduler: the same on all peers. */
  readonly promptSeed?: number;
  /** Measure the plugins in 1 of this many picks, as in the scheduler. */
  readonly timeEvery?: number;
}

/** What a pool shares with the registry. */
export interface PoolHost {
  /** Largest size of a queue that does not configure it, in bytes. */
  readonly queuedBytes: () => number;
  /** Called when no stream names the pool any more. */
  readonly onIdle: (pool: string) => void;
}

/** A pool's resource with its picker's configuration. */
export interface ConfiguredPool {
  readonly pool: Pool;
  readonly config: PickerConfig | undefined;
}

/** A pool that follows its resource. */
export class ChangingPool implements ServedPool {
  readonly name: string;
  readonly namespace: string;
  readonly state: PoolState;
  readonly engines: Map<string, EngineName> = new Map();
  readonly served: ServedModels;
  endpoints: readonly string[] = [];
  reach: Reach;
  listedModels: ReadonlySet<string> = new Set();
  modelHeader: string | undefined = undefined;
  onlyModel: string | undefined = undefined;
  objectives: ReadonlyMap<string, number> = new Map();
  rewrite: ModelRewriter;
  gatewayFallbacks = 0;
  queue: FlowQueue | undefined = undefined;
  config: PickerConfig | undefined;
  streams = 0;
  readonly #options: ServedPoolOptions;
  readonly #onIdle: PoolHost["onIdle"];
  readonly #queue: PoolQueue;
  #pool: Pool;
  #priorities: ReadonlyMap<string, Model["criticality"]> = new Map();
  #hasWaiting = false;

  constructor(configured: ConfiguredPool, options: ServedPoolOptions, host: PoolHost) {
    const { pool, config } = configured;
    this.#options = options;
    this.#onIdle = host.onIdle;
    this.#pool = pool;
    this.name = pool.name;
    this.namespace = pool.namespace;
    this.config = config;
    this.reach = pool;
    this.rewrite = createModelRewriter(pool.rewrites, options.random);
    this.state = createPool({ name: pool.name, ...options, ...this.#settings() });
    this.served = new ServedModels(this.state);
    this.#queue = createPoolQueue(this.state, options, host.queuedBytes);
    this.queue = this.#queue.configure(config?.flow);
    this.#takeModels(pool);
    this.#setEndpoints(pool, () => true);
  }

  get queueSettings(): FlowSettings | undefined {
    return this.config?.flow;
  }

  /** True if the pool has this EndpointPickerConfig now. */
  hasConfig(pickerConfig: unknown): boolean {
    return isSameData(pickerConfig, this.#pool.pickerConfig);
  }

  enter(): void {
    this.streams++;
  }

  leave(): void {
    this.streams--;
    if (this.streams === 0) this.#onIdle(this.name);
  }

  priorityOf(model: string | undefined): Model["criticality"] {
    return this.#priorities.get(model ?? "") ?? "Standard";
  }

  /**
   * Takes over the changed resource. What it does not concern is kept. Returns true if an endpoint has left.
   *
   * New endpoints wait for `admitEndpoints`.
   */
  change({ pool, config }: ConfiguredPool): boolean {
    const before = this.#pool;
    this.#pool = pool;
    if (config !== this.config) {
      this.config = config;
      this.state.configure(this.#settings());
      this.queue = this.#queue.configure(config?.flow);
    }
    if (!isSameReach(pool, before)) this.reach = pool;
    if (!hasSameModels(pool, before)) this.#takeModels(pool);
    if (hasSameEndpoints(pool, before)) return false;
    const pickable = new Set(this.state.addresses());
    this.#setEndpoints(pool, (address) => pickable.has(address));
    return before.endpoints.some((address) => !this.state.knows(address));
  }

  admitEndpoints(): void {
    if (this.#hasWaiting) this.#setEndpoints(this.#pool, () => true);
  }

  /** Refuses all waiting and all later requests. */
  close(): void {
    this.#queue.close();
  }

  #settings(): PoolSettings {
    const { fallbacks } = this.#options;
    const settings = {
      ...this.config?.poolOptions(),
      ...(fallbacks === undefined ? {} : { maxFallbacks: fallbacks }),
    };
    this.gatewayFallbacks = settings.maxFallbacks ?? 0;
    return settings;
  }

  #takeModels(pool: Pool): void {
    this.listedModels = new Set(pool.models.map(({ name }) => name));
    this.modelHeader = pool.modelHeader;
    this.onlyModel = pool.onlyModel;
    this.#priorities = new Map(pool.models.map(({ name, criticality }) => [name, criticality]));
    this.objectives = new Map(pool.objectives.map(({ name, priority }) => [name, priority]));
    this.rewrite = createModelRewriter(pool.rewrites, this.#options.random);
  }

  #setEndpoints(pool: Pool, isPickable: (address: string) => boolean): void {
    const draining = new Set(pool.drainingEndpoints);
    const entries = pool.endpoints
      .filter((address) => !draining.has(address))
      .map((address) => ({
        address,
        labels: pool.endpointLabels[address] ?? {},
        isPickable: isPickable(address),
      }));
    this.endpoints = entries.map(({ address }) => address);
    this.#hasWaiting = entries.some((each) => !each.isPickable);
    this.state.setEndpoints(entries);
    this.served.forgetGone();
    for (const address of this.engines.keys()) {
      if (!this.state.knows(address)) this.engines.delete(address);
    }
    this.queue?.poke();
  }
}

function hasSameEndpoints(a: Pool, b: Pool): boolean {
  return (
    isSameData(a.endpoints, b.endpoints) &&
    isSameData(a.drainingEndpoints ?? [], b.drainingEndpoints ?? []) &&
    isSameData(a.endpointLabels, b.endpointLabels)
  );
}

function isSameReach(a: Pool, b: Pool): boolean {
  return (
    isSameData(a.tls, b.tls) &&
    isSameData(a.scrape, b.scrape) &&
    isSameData(a.endpointScrape, b.endpointScrape)
  );
}

function hasSameModels(a: Pool, b: Pool): boolean {
  return (
    a.modelHeader === b.modelHeader &&
    a.onlyModel === b.onlyModel &&
    isSameData(a.models, b.models) &&
    isSameData(a.rewrites, b.rewrites) &&
    isSameData(a.objectives, b.objectives)
  );
}
