import type { Blocks } from "../statistics/blocks.ts";
import type { BlockedPairs } from "../statistics/bootstrap.ts";
import { createRandom } from "../statistics/random.ts";
import { numbersAt } from "./numbers.ts";
import { indicesOf, type LaneColumns, type PairTable } from "./table.ts";

export { finite, type GateContext } from "./gate-result.ts";

/** The pairs of one gate: times, both lanes' values and log ratios. */
export interface PairedValues {
  readonly atMs: Float64Array;
  readonly baseline: Float64Array;
  readonly shadow: Float64Array;
  readonly logRatio: Float64Array;
}

/** `whole`: E2E of answers that are not streamed. `perToken`: the same, divided by the tokens of the answer. */
export type RatioColumn = "ttft" | "tpot" | "e2e" | "length" | "whole" | "perToken";

/** A lane's value of a request; NaN if there is none. */
export function laneValue(table: PairTable, lane: LaneColumns, i: number, of: RatioColumn): number {
  if (of === "whole" || of === "perToken") {
    if (table.isStream[i] === 1) return Number.NaN;
    const e2e = lane.e2e[i] ?? Number.NaN;
    return of === "whole" ? e2e : e2e / (lane.outTokens[i] ?? Number.NaN);
  }
  return lane[of][i] ?? Number.NaN;
}

/** Gates, checks and the load's memory ask for the same pairs of one analysis. */
const remembered = new WeakMap<PairTable, Map<RatioColumn, PairedValues>>();

/** Pairs that have a value on both lanes. */
export function pairedValues(table: PairTable, column: RatioColumn): PairedValues {
  const known = remembered.get(table) ?? new Map<RatioColumn, PairedValues>();
  remembered.set(table, known);
  const values = known.get(column) ?? valuesOf(table, column);
  known.set(column, values);
  return values;
}

function valuesOf(table: PairTable, column: RatioColumn): PairedValues {
  // A client that disconnects after the first token does not change the TTFT.
  const kind = column === "ttft" ? table.isTimed : table.isUsed;
  const has = (lane: LaneColumns, i: number) => laneValue(table, lane, i, column) > 0;
  const kept = indicesOf(
    table,
    (i) => kind[i] === 1 && has(table.baseline, i) && has(table.shadow, i),
  );
  const take = (lane: LaneColumns) => numbersAt(kept, (i) => laneValue(table, lane, i, column));
  const [baseline, shadow] = [take(table.baseline), take(table.shadow)];
  const logRatio = new Float64Array(kept.length);
  for (let at = 0; at < kept.length; at++) {
    logRatio[at] = Math.log((shadow[at] ?? Number.NaN) / (baseline[at] ?? Number.NaN));
  }
  return { atMs: numbersAt(kept, (i) => table.atMs[i] ?? Number.NaN), baseline, shadow, logRatio };
}

export function pairsOf({ baseline, shadow }: PairedValues, blocks: Blocks): BlockedPairs {
  return { primary: baseline, shadow, blockOf: blocks.blockOf, blocks: blocks.count };
}

/** Most pairs for a bootstrap; more cost time and add hardly any certainty. */
const maxBootstrapPairs = 50_000;

/** Draws at most `maxBootstrapPairs` pairs with a seed; each block keeps its share. */
export function capped(pairs: BlockedPairs, seed: number): BlockedPairs {
  const size = pairs.primary.length;
  if (size <= maxBootstrapPairs) return pairs;
  const random = createRandom(seed);
  const kept: number[] = [];
  for (let i = 0; i < size; i++) if (random.unit() < maxBootstrapPairs / size) kept.push(i);
  const take = (from: ArrayLike<number>) => Float64Array.from(kept, (i) => from[i] ?? 0);
  return {
    primary: take(pairs.primary),
    shadow: take(pairs.shadow),
    blockOf: take(pairs.blockOf),
    blocks: pairs.blocks,
  };
}
