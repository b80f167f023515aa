import type { LaneLoad } from "@umbra/shadow";
import type { PoolRegistry } from "../pools/pool-registry.ts";
import { createUtilisation, type UtilisationSum } from "./utilisation.ts";

/** Counts requests by pool and lane, to compare the load of both lanes' endpoints. */
export interface LoadCount {
  picked(pool: string, lane: "primary" | "shadow"): void;
  /** Requests per endpoint of the shadow pool divided by those of the primary; undefined if there are too few. */
  ratio(primaryPools: readonly string[], shadowPool: string): number | undefined;
  /** Total requests of the pools' endpoints since the first request, and their utilisation. */
  loadOf(pools: readonly string[]): LaneLoad | undefined;
  /** 99th percentile of the pools' requests per second in the primary lane, over blocks of 10 s. */
  peakPerSecond(pools: readonly string[]): number | undefined;
  /** Removes the pools that are gone. */
  forgetGone(): void;
}

interface PoolCount {
  primary: number;
  shadow: number;
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

/** `now`: monotonic, in ms. */
export function createLoadCount(pools: PoolRegistry, now: () => number): LoadCount {
  const counts = new Map<string, PoolCount>();
  let startedMs: number | undefined;
  const of = (names: readonly string[]) => names.flatMap((name) => counts.get(name) ?? []);
  const total = (names: readonly string[], lane: "primary" | "shadow") =>
    of(names).reduce((sum, count) => sum + count[lane], 0);
  const endpoints = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (pools.get(name)?.state.snapshot().endpoints.length ?? 0), 0);

  function countOf(pool: string): PoolCount {
    const known = counts.get(pool);
    if (known !== undefined) return known;
    const utilisation = createUtilisation(pools.get(pool)?.state);
    const count = { primary: 0, shadow: 0, utilisation, firstBlock: 0, blocks: [] };
    counts.set(pool, count);
    return count;
  }

  return {
    picked(pool, lane) {
      const count = countOf(pool);
      count[lane]++;
      const nowMs = now();
      startedMs ??= nowMs;
      if (lane === "primary") addToBlock(count, Math.floor((nowMs - startedMs) / blockMs));
    },
    ratio(primaryPools, shadowPool) {
      const [primary, shadow] = [total(primaryPools, "primary"), total([shadowPool], "shadow")];
      const [below, above] = [endpoints(primaryPools), endpoints([shadowPool])];
      if (primary < minRequests || below === 0 || above === 0) return undefined;
      return shadow / above / (primary / below);
    },
    loadOf(names) {
      if (startedMs === undefined) return undefined;
      const nowMs = now();
      const found = of(names);
      for (const { utilisation } of found) utilisation.read(nowMs);
      return {
        requests: total(names, "primary") + total(names, "shadow"),
        seconds: (nowMs - startedMs) / 1_000,
        utilisation: found[0]?.utilisation.mean(found.map((each) => each.utilisation)) ?? null,
      };
    },
    forgetGone: () => forgetGone(counts, pools),
    peakPerSecond(names) {
      const found = of(names);
      const last = Math.floor((now() - (startedMs ?? 0)) / blockMs);
      // Excludes the current, incomplete block.
      const first = Math.max(0, last - maxBlocks);
      const sums = new Uint32Array(last - first);
      for (const { firstBlock, blocks } of found) {
        for (let at = Math.max(first, firstBlock); at < last; at++) {
          sums[at - first] = (sums[at - first] ?? 0) + (blocks[at - firstBlock] ?? 0);
        }
      }
      if (sums.length < minBlocks) return undefined;
      return (sums.sort()[Math.ceil(0.99 * sums.length) - 1] ?? 0) / (blockMs / 1_000);
    },
  };
}

function forgetGone(counts: Map<string, PoolCount>, pools: PoolRegistry): void {
  for (const pool of counts.keys()) if (!pools.has(pool)) counts.delete(pool);
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
