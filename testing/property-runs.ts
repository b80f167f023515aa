import { isLong } from "./long-tests.ts";

/** How often a property is tried: `runs` in `npm test`, `nightly` in its long form. `FC_RUNS` names another number. */
export function propertyRuns(runs: number, nightly: number): number {
  const { FC_RUNS: named } = process.env;
  if (named !== undefined) return Number(named);
  return isLong ? nightly : runs;
}
