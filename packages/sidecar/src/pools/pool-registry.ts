import type { Model, Pool, Topology } from "@umbra/envoy-config";
import {
  createModelRewriter,
  createPool,
  type ModelRewriter,
  type PoolEvent,
  type PoolState,
} from "@umbra/scheduler";
import {
  type FlowSettings,
  type PickerConfig,
  pathText,
  readPickerConfig,
} from "@umbra/scheduler/config";
import {
  createFlowQueue,
  defaultTtlMs,
  type FlowEvent,
  type FlowQueue,
} from "@umbra/scheduler/flow";
import type { EngineName } from "@umbra/scheduler/metrics";
import { ServedModels } from "./served-models.ts";

/** A pool that requests are picked in: its scheduler state, and which model names it serves. */
export interface ServedPool {
  readonly name: string;
  /** Of its resource. */
  readonly namespace: string;
  readonly state: PoolState;
  /** Names that InferenceModels list; empty when none does: then every name is let through. */
  readonly listedModels: ReadonlySet<string>;
  /** Where the model of a request stands whose body is not read. */
  readonly modelHeader: string | undefined;
  readonly onlyModel: string | undefined;
  /** What each endpoint runs, as its metrics page says, by address. */
  readonly engines: Map<string, EngineName>;
  /** The names that the endpoints serve. */
  readonly served: ServedModels;
  /** As InferenceModels say; Standard where none does. */
  priorityOf(model: string | undefined): Model["criticality"];
  /** Priorities by the name of an InferenceObjective. */
  readonly objectives: ReadonlyMap<string, number>;
  /** The name to ask an endpoint for, as InferenceModels and InferenceModelRewrites say. */
  readonly rewrite: ModelRewriter;
  /** Fallbacks that a gateway is told of which Umbra has not rendered: many take one endpoint only. */
  readonly gatewayFallbacks: number;
  /** Where requests wait while the pool is full; undefined where its configuration has no flow control. */
  readonly queue: FlowQueue | undefined;
}

export type PoolRegistry = ReadonlyMap<string, ServedPool>;

export interface PoolRegistryOptions {
  readonly now: () => number;
  readonly random: () => number;
  readonly staleAfterMs: number;
  /** Told of what happens in any pool, picks included. */
  readonly onEvent?: (event: PoolEvent) => void;
  /** Told of what happens in the queue of any pool. */
  readonly onQueue?: (pool: string, event: FlowEvent) => void;
  /** Endpoints named after the picked one, by whatever gateway; absent: as each pool's configuration says. */
  readonly fallbacks?: number;
  /** No request waits longer in a queue, in ms; absent: as the queue's configuration says. */
  readonly maxWaitMs?: number;
  /** As the scheduler's: one pick in so many is measured plugin by plugin. */
  readonly timeEvery?: number;
}

/**
 * Builds the state of every pool of the topology that Umbra picks in.
 *
 * @throws Error for an EndpointPickerConfig that can't be used; `umbra check` finds those with their places
 */
export function createPoolRegistry(topology: Topology, options: PoolRegistryOptions): PoolRegistry {
  const registry = new Map<string, ServedPool>();
  for (const pool of topology.pools) {
    if (pool.picker !== "umbra") continue;
    const config = pickerConfigOf(pool);
    const { fallbacks } = options;
    const configured = {
      ...config?.poolOptions(),
      ...(fallbacks === undefined ? {} : { maxFallbacks: fallbacks }),
    };
    const state = createPool({ name: pool.name, ...options, ...configured });
    state.setEndpoints(
      pool.endpoints.map((address) => ({
        address,
        labels: pool.endpointLabels[address] ?? {},
      })),
    );
    const listedModels = new Set(pool.models.map(({ name }) => name));
    const priorities = new Map(pool.models.map(({ name, criticality }) => [name, criticality]));
    registry.set(pool.name, {
      name: pool.name,
      namespace: pool.namespace,
      state,
      listedModels,
      modelHeader: pool.modelHeader,
      onlyModel: pool.onlyModel,
      engines: new Map(),
      served: new ServedModels(state),
      priorityOf: (model) => priorities.get(model ?? "") ?? "Standard",
      gatewayFallbacks: configured.maxFallbacks ?? 0,
      objectives: new Map(pool.objectives.map(({ name, priority }) => [name, priority])),
      rewrite: createModelRewriter(pool.rewrites, options.random),
      queue: config?.flow === undefined ? undefined : queueOf(state, config.flow, options),
    });
  }
  return registry;
}

/** Bytes of bodies that may wait, unless the configuration says otherwise. */
const maxQueuedBytes = 256 * 1024 * 1024;

function queueOf(
  state: PoolState,
  settings: FlowSettings,
  { now, onQueue, maxWaitMs = Number.POSITIVE_INFINITY }: PoolRegistryOptions,
): FlowQueue {
  const { ttlMs = defaultTtlMs, noEndpointTtlMs = ttlMs } = settings;
  // The client is to be told by the queue, and not by a gateway that has waited enough.
  const longestMs = 0.9 * maxWaitMs;
  return createFlowQueue({
    maxBytes: maxQueuedBytes,
    ...settings,
    ttlMs: Math.min(ttlMs, longestMs),
    noEndpointTtlMs: Math.min(noEndpointTtlMs, longestMs),
    now,
    schedule(run, afterMs) {
      const timer = setTimeout(run, afterMs);
      return () => clearTimeout(timer);
    },
    saturation: () => state.saturation(),
    hasEndpoints: () => state.addresses().length > 0,
    ...(onQueue === undefined ? {} : { onEvent: (event) => onQueue(state.name, event) }),
  });
}

function pickerConfigOf({ name, pickerConfig }: Pool): PickerConfig | undefined {
  if (pickerConfig === undefined) return undefined;
  const read = readPickerConfig(pickerConfig);
  if (read.ok) return read.config;
  const [first] = read.problems;
  const where = pathText(first?.path ?? []);
  throw new Error(`the EndpointPickerConfig of pool ${name}: ${where} ${first?.message}`);
}
