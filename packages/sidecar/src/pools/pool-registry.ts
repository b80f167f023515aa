import { type Pool, sidecarBounds, type Topology } from "@umbra/envoy-config";
import { type PickerConfig, pathText, readPickerConfig } from "@umbra/scheduler/config";
import {
  ChangingPool,
  type ConfiguredPool,
  type ServedPool,
  type ServedPoolOptions,
} from "./served-pool.ts";

/** The pools in which Umbra picks, by name: those that a route of Envoy may name. */
export type PoolRegistry = ReadonlyMap<string, ServedPool>;

/** The registry, which follows the topology in the steps of `ServingState`. */
export interface ServedPools extends PoolRegistry {
  /** The pool of streams that don't name one: the only pool, if there is just one. */
  readonly only: ServedPool | undefined;
  begin(topology: Topology): void;
  admitEndpoints(): void;
  retire(): void;
  /** Refuses all queued requests. */
  closeQueues(): void;
}

export interface PoolRegistryOptions extends ServedPoolOptions {
  /** Called after a pool is gone, or an endpoint has left a pool. */
  readonly onGone?: () => void;
}

/**
 * Builds the state of every pool in which Umbra picks.
 *
 * @throws Error for an invalid EndpointPickerConfig; `umbra check` reports these with their place
 */
export function createPoolRegistry(topology: Topology, options: PoolRegistryOptions): ServedPools {
  const pools = new ChangingPools(options);
  pools.begin(topology);
  pools.retire();
  return pools;
}

class ChangingPools extends Map<string, ChangingPool> implements ServedPools {
  only: ServedPool | undefined = undefined;
  readonly #options: PoolRegistryOptions;
  /** Names in the topology that was begun last. */
  #wanted: ReadonlySet<string> = new Set();
  /** Names of pools that go when their last stream ends. */
  readonly #leaving = new Set<string>();
  /** Default limit for the queue of one pool. */
  #queuedBytes: number = sidecarBounds.queuedBytes;

  constructor(options: PoolRegistryOptions) {
    super();
    this.#options = options;
  }

  begin({ pools }: Topology): void {
    const picked = pools.filter(({ picker }) => picker === "umbra");
    // An invalid configuration is found before anything changes.
    const configured = picked.map((pool) => this.#configured(pool));
    const withConfig = pools.filter(({ pickerConfig }) => pickerConfig !== undefined).length;
    this.#queuedBytes = sidecarBounds.queuedBytes / Math.max(1, withConfig);
    this.#wanted = new Set(picked.map(({ name }) => name));
    let hasLost = false;
    for (const each of configured) {
      const { name } = each.pool;
      this.#leaving.delete(name);
      const known = this.get(name);
      if (known === undefined) this.#add(each);
      else if (known.change(each)) hasLost = true;
    }
    if (hasLost) this.#options.onGone?.();
  }

  admitEndpoints(): void {
    for (const pool of this.values()) pool.admitEndpoints();
  }

  retire(): void {
    for (const [name, { streams }] of this) {
      if (this.#wanted.has(name)) continue;
      this.#leaving.add(name);
      if (streams === 0) this.#remove(name);
    }
    const [first] = this.#wanted;
    this.only = this.#wanted.size === 1 ? this.get(first as string) : undefined;
  }

  closeQueues(): void {
    for (const pool of this.values()) pool.close();
  }

  #add(configured: ConfiguredPool): void {
    const host = {
      queuedBytes: () => this.#queuedBytes,
      onIdle: (name: string) => {
        if (this.#leaving.has(name)) this.#remove(name);
      },
    };
    this.set(configured.pool.name, new ChangingPool(configured, this.#options, host));
  }

  #remove(name: string): void {
    this.#leaving.delete(name);
    this.get(name)?.close();
    this.delete(name);
    this.#options.onGone?.();
  }

  #configured(pool: Pool): ConfiguredPool {
    const configText =
      pool.pickerConfig === undefined ? undefined : JSON.stringify(pool.pickerConfig);
    const known = this.get(pool.name);
    const config =
      known !== undefined && known.configText === configText ? known.config : pickerConfigOf(pool);
    return { pool, configText, config };
  }
}

function pickerConfigOf({ name, pickerConfig }: Pool): PickerConfig | undefined {
  if (pickerConfig === undefined) return undefined;
  const read = readPickerConfig(pickerConfig);
  if (read.ok) return read.config;
  const [first] = read.problems;
  const where = pathText(first?.path ?? []);
  throw new Error(`the EndpointPickerConfig of pool ${name}: ${where} ${first?.message}`);
}
