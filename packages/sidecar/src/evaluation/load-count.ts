import type { LaneLoad } from "@umbra/shadow";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import {
  createUtilisation,
  meanUtilisation,
  type UtilisationSum,
  type UtilisationSums,
} from "./utilisation.ts";

/** Counts requests by pool and lane, to compare the load of both lanes' endpoints. */
export interface LoadCount {
  picked(pool: string, lane: "primary" | "shadow"): void;
  /** Marks the present as the start of an evaluation. */
  mark(): LoadMark;
  /**
   * Requests per endpoint of the shadow pool divided by those of the primary, with the mean number of endpoints;
   * undefined if there are too few requests. `since`: the first request when absent.
   */
  ratio(
    primaryPools: readonly string[],
    shadowPool: string,
    since?: LoadMark | undefined,
  ): number | undefined;
  /** Total requests of the pools' endpoints, and their utilisation. `since`: the first request when absent. */
  loadOf(pools: readonly string[], since?: LoadMark | undefined): LaneLoad | undefined;
  /** 99th percentile of the pools' requests per second in the primary lane, over blocks of 10 s. */
  peakPerSecond(pools: readonly string[]): number | undefined;
  /** Removes the pools that are gone. */
  forgetGone(): void;
}

/** What was counted before an evaluation. */
export interface LoadMark {
  /** On the counter's clock. */
  readonly atMs: number;
  readonly counted: ReadonlyMap<PoolCount, Counted>;
}

interface Counted extends UtilisationSums {
  readonly primary: number;
  readonly shadow: number;
  /** Sum over time of the number of endpoints, in ms. */
  readonly endpointMs: number;
  /** Time of that sum. */
  readonly countedMs: number;
}

interface PoolCount {
  primary: number;
  shadow: number;
  endpointMs: number;
  countedMs: number;
  readonly utilisation: UtilisationSum;
  /** Requests of the primary lane in each block of 10 s, starting with block `firstBlock`. */
  firstBlock: number;
  readonly blocks: number[];
}

const minRequests = 100;
const blockMs = 10_000;
/** One day of blocks; the oldest are dropped. */
const maxBlocks = 8_640;
/** Fewer blocks give no meaningful 99th percentile. */
const minBlocks = 30;

/** `now`: monotonic, in ms. Pools that have left the registry are removed. */
export function createLoadCount(pools: PoolRegistry, now: () => number): LoadCount {
  return new PoolCounts(pools, now);
}

class PoolCounts implements LoadCount {
  readonly #pools: PoolRegistry;
  readonly #now: () => number;
  readonly #counts = new Map<string, PoolCount>();
  #startedMs: number | undefined = undefined;
  /** When the numbers of endpoints were recorded last. */
  #readMs: number;

  constructor(pools: PoolRegistry, now: () => number) {
    this.#pools = pools;
    this.#now = now;
    this.#readMs = now();
  }

  picked(pool: string, lane: "primary" | "shadow"): void {
    let count = this.#counts.get(pool);
    if (count === undefined) {
      count = newCount();
      this.#counts.set(pool, count);
    }
    count[lane]++;
    const nowMs = this.#now();
    this.#startedMs ??= nowMs;
    if (lane === "primary") addToBlock(count, Math.floor((nowMs - this.#startedMs) / blockMs));
  }

  mark(): LoadMark {
    const atMs = this.#read();
    const counted = [...this.#counts.values()].map((each) => [each, after(each)] as const);
    return { atMs, counted: new Map(counted) };
  }

  ratio(
    primaryPools: readonly string[],
    shadowPool: string,
    since?: LoadMark | undefined,
  ): number | undefined {
    this.#read();
    const primary = this.#total(primaryPools, "primary", since);
    const shadow = this.#total([shadowPool], "shadow", since);
    const below = this.#endpoints(primaryPools, since);
    const above = this.#endpoints([shadowPool], since);
    if (primary < minRequests || below === 0 || above === 0) return undefined;
    return shadow / above / (primary / below);
  }

  loadOf(names: readonly string[], since?: LoadMark | undefined): LaneLoad | undefined {
    if (this.#startedMs === undefined) return undefined;
    const nowMs = this.#read();
    for (const name of names) {
      const state = this.#pools.get(name)?.state;
      if (state !== undefined) this.#counts.get(name)?.utilisation.read(state, nowMs);
    }
    return {
      requests: this.#total(names, "primary", since) + this.#total(names, "shadow", since),
      seconds: (nowMs - Math.max(this.#startedMs, since?.atMs ?? 0)) / 1_000,
      utilisation: meanUtilisation(this.#of(names).map((count) => after(count, since))),
    };
  }

  peakPerSecond(names: readonly string[]): number | undefined {
    const last = Math.floor((this.#now() - (this.#startedMs ?? 0)) / blockMs);
    // Excludes the current, incomplete block.
    const first = Math.max(0, last - maxBlocks);
    const sums = new Uint32Array(last - first);
    for (const { firstBlock, blocks } of this.#of(names)) {
      for (let at = Math.max(first, firstBlock); at < last; at++) {
        sums[at - first] = (sums[at - first] ?? 0) + (blocks[at - firstBlock] ?? 0);
      }
    }
    if (sums.length < minBlocks) return undefined;
    return (sums.sort()[Math.ceil(0.99 * sums.length) - 1] ?? 0) / (blockMs / 1_000);
  }

  forgetGone(): void {
    for (const pool of this.#counts.keys()) {
      if (!this.#pools.has(pool)) this.#counts.delete(pool);
    }
  }

  /** Records how many endpoints the pools have had since the last time. Returns the time. */
  #read(): number {
    this.forgetGone();
    const nowMs = this.#now();
    for (const [name, count] of this.#counts) {
      const endpoints = this.#pools.get(name)?.state.addresses().length ?? 0;
      count.endpointMs += endpoints * (nowMs - this.#readMs);
      count.countedMs += nowMs - this.#readMs;
    }
    this.#readMs = nowMs;
    return nowMs;
  }

  #of(names: readonly string[]): readonly PoolCount[] {
    return names.flatMap((name) => this.#counts.get(name) ?? []);
  }

  #total(
    names: readonly string[],
    lane: "primary" | "shadow",
    since: LoadMark | undefined,
  ): number {
    return this.#of(names).reduce((sum, count) => sum + after(count, since)[lane], 0);
  }

  /** Mean number of endpoints of all pools together. */
  #endpoints(names: readonly string[], since: LoadMark | undefined): number {
    return names.reduce((sum, name) => {
      const count = this.#counts.get(name);
      const { endpointMs = 0, countedMs = 0 } = count === undefined ? {} : after(count, since);
      const current = this.#pools.get(name)?.state.addresses().length ?? 0;
      return sum + (countedMs > 0 ? endpointMs / countedMs : current);
    }, 0);
  }
}

function newCount(): PoolCount {
  return {
    ...{ primary: 0, shadow: 0, endpointMs: 0, countedMs: 0 },
    ...{ utilisation: createUtilisation(), firstBlock: 0, blocks: [] },
  };
}

/** What a pool counted since a mark. */
function after(count: PoolCount, since?: LoadMark): Counted {
  const before = since?.counted.get(count);
  const { sums } = count.utilisation;
  return {
    primary: count.primary - (before?.primary ?? 0),
    shadow: count.shadow - (before?.shadow ?? 0),
    endpointMs: count.endpointMs - (before?.endpointMs ?? 0),
    countedMs: count.countedMs - (before?.countedMs ?? 0),
    readings: sums.readings - (before?.readings ?? 0),
    running: sums.running - (before?.running ?? 0),
    waiting: sums.waiting - (before?.waiting ?? 0),
    kvCache: sums.kvCache - (before?.kvCache ?? 0),
    kvReadings: sums.kvReadings - (before?.kvReadings ?? 0),
  };
}

function addToBlock(count: PoolCount, block: number): void {
  const { blocks } = count;
  if (blocks.length === 0) count.firstBlock = block;
  while (blocks.length <= block - count.firstBlock && blocks.length < 2 * maxBlocks) blocks.push(0);
  const at = block - count.firstBlock;
  blocks[at] = (blocks[at] ?? 0) + 1;
  if (blocks.length <= maxBlocks) return;
  // Drops many blocks at once, because each drop moves all remaining ones.
  const gone = maxBlocks >> 3;
  blocks.splice(0, gone);
  count.firstBlock += gone;
}
