import type { GateTally, Tally } from "../tally.ts";
import { medianOf } from "../tally.ts";

/** Tallies by the name of their cell; only those that have runs. */
export type Results = ReadonlyMap<string, Tally>;

export function resultsOf(tallies: readonly Tally[]): Results {
  return new Map(
    tallies.filter(({ runs }) => runs > 0).map((tally) => [tally.cell.name, tally] as const),
  );
}

/** Where a cell was simulated, but its gate was not judged, or too few runs decide for a median. */
const none = "–";

/** Where a cell was not simulated. */
export const notRun = "not run";

/** A share in per cent: one decimal under 10. */
export function share(count: number | undefined, runs: number | undefined): string {
  if (runs === undefined || runs === 0) return notRun;
  if (count === undefined) return none;
  const percent = (100 * count) / runs;
  return percent === 0 || percent >= 9.95 ? percent.toFixed(0) : percent.toFixed(1);
}

/** Number of runs. */
export function runsOf(tally: Tally | undefined): string {
  return tally === undefined ? notRun : String(tally.runs);
}

/** PASS and FAIL of a gate. */
export function passFail(tally: Tally | undefined, gate: string): string {
  if (tally === undefined) return notRun;
  const of = tally.gates.get(gate)?.statuses;
  return of === undefined ? none : `${share(of.PASS, tally.runs)} / ${share(of.FAIL, tally.runs)}`;
}

export function gateShare(
  tally: Tally | undefined,
  gate: string,
  status: keyof GateTally["statuses"],
): string {
  return share(tally?.gates.get(gate)?.statuses[status], tally?.runs);
}

/** Median in s of times that at least a tenth of the runs have. */
export function medianTime(
  values: readonly number[] | undefined,
  runs: number | undefined,
): string {
  if (runs === undefined) return notRun;
  if (values === undefined || values.length < runs / 10) return none;
  const median = medianOf(values);
  return median === undefined ? none : median.toFixed(0);
}
