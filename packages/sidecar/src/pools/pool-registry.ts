import { type Model, type Pool, sidecarBounds, type Topology } from "@umbra/envoy-config";
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

/** A pool in which Umbra picks: its scheduler state and its model names. */
export interface ServedPool {
  readonly name: string;
  /** Namespace of its resource. */
  readonly namespace: string;
  readonly state: PoolState;
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
}

export type PoolRegistry = ReadonlyMap<string, ServedPool>;

export interface PoolRegistryOptions {
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
  /** Measure the plugins in 1 of this many picks, as in the scheduler. */
  readonly timeEvery?: number;
}

/**
 * Builds the state of every pool in which Umbra picks.
 *
 * @throws Error for an invalid EndpointPickerConfig; `umbra check` reports these with their place
 */
export function createPoolRegistry(topology: Topology, options: PoolRegistryOptions): PoolRegistry {
  const registry = new Map<string, ServedPool>();
  const configured = topology.pools.filter(({ pickerConfig }) => pickerConfig !== undefined);
  // Default limit for the queue of one pool.
  const queuedBytes = sidecarBounds.queuedBytes / Math.max(1, configured.length);
  for (const pool of topology.pools) {
    if (pool.picker !== "umbra") continue;
    const config = pickerConfigOf(pool);
    const { fallbacks } = options;
    const poolOptions = {
      ...config?.poolOptions(),
      ...(fallbacks === undefined ? {} : { maxFallbacks: fallbacks }),
    };
    const state = createPool({ name: pool.name, ...options, ...poolOptions });
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
      gatewayFallbacks: poolOptions.maxFallbacks ?? 0,
      objectives: new Map(pool.objectives.map(({ name, priority }) => [name, priority])),
      rewrite: createModelRewriter(pool.rewrites, options.random),
      queue:
        config?.flow === undefined
          ? undefined
          : queueOf(state, { maxBytes: queuedBytes, ...config.flow }, options),
    });
  }
  return registry;
}

function queueOf(
  state: PoolState,
  settings: FlowSettings,
  { now, onQueue, maxWaitMs = Number.POSITIVE_INFINITY }: PoolRegistryOptions,
): FlowQueue {
  const { ttlMs = defaultTtlMs, noEndpointTtlMs = ttlMs } = settings;
  // The queue should answer the client before the gateway's own timeout.
  const longestMs = 0.9 * maxWaitMs;
  return createFlowQueue({
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
