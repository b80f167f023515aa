import { testSize } from "./test-size.ts";

/** How often a property is tried: that is its size. `FC_RUNS` names another number. */
export function propertyRuns(runs: number, nightly: number): number {
  const { FC_RUNS: named } = process.env;
  return named === undefined ? testSize(runs, nightly) : Number(named);
}
