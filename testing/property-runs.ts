/**
 * How often a property is tried: `runs` in `npm test`, `nightly` where `UMBRA_LONG_TESTS` is set. `FC_RUNS` names another
 * number.
 */
export function propertyRuns(runs: number, nightly: number): number {
  const { FC_RUNS: named, UMBRA_LONG_TESTS: isLong } = process.env;
  if (named !== undefined) return Number(named);
  return isLong === undefined ? runs : nightly;
}
