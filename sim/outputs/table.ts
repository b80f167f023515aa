import { setImmediate } from "node:timers/promises";
import { createRandom } from "@umbra/shadow/statistics";
import type { Table } from "../evaluation/tables/table.ts";
import { judgeRun } from "./judge-run.ts";
import { type Bar, isKept, type Scenario, scenarios, type Unit, units } from "./scenarios.ts";

export interface OutputsOptions {
  /** Evaluations of each row. */
  readonly runs: number;
  readonly seed: number;
  /** Only rows with one of these in their gate and truth; all when absent. */
  readonly wanted?: readonly string[] | undefined;
  /** Called for each row when it is done. */
  readonly onRow?: (cells: readonly string[]) => void;
  /** Ends it before the next row. */
  readonly signal?: AbortSignal;
}

export const outputColumns: readonly string[] = [
  ...["gate", "truth", "traffic", "PASS, %", "FAIL, %", "demand", "met"],
];

/** Scenarios with one of these in their gate and truth; all when absent. */
export function outputScenarios(wanted?: readonly string[]): readonly Scenario[] {
  return scenarios.filter(
    ({ gate, name }) => wanted?.some((each) => `${gate}: ${name}`.includes(each)) ?? true,
  );
}

/** Simulates the gates about what answers say. `missed`: bars that are missed beyond their Monte Carlo error. */
export async function simulateOutputs({
  runs,
  seed,
  wanted,
  onRow,
  signal,
}: OutputsOptions): Promise<{ readonly table: Table; readonly missed: number }> {
  const rows: (readonly string[])[] = [];
  let missed = 0;
  for (const scenario of outputScenarios(wanted)) {
    for (const unit of units) {
      // So that a signal can arrive.
      await setImmediate();
      if (signal?.aborted === true) break;
      const { cells, isMet } = simulate(scenario, unit, { runs, seed });
      if (!isMet) missed++;
      rows.push(cells);
      onRow?.(cells);
    }
  }
  return { table: outputsTable(rows, { runs, seed }), missed };
}

/** The table with these rows. */
export function outputsTable(
  rows: readonly (readonly string[])[],
  { runs, seed }: Pick<OutputsOptions, "runs" | "seed">,
): Table {
  return {
    title: "Gates about what answers say",
    note: `Evaluations of 2,000 pairs, judged every 200 pairs (20,000 and 2,000 with a model as judge), with 19 required gates; ${runs} of each row, seed ${seed}. Missed: by more than two standard errors of the simulation.`,
    ...{ columns: outputColumns, rows, text: [1, 2, 5, 6] },
  };
}

function simulate(
  scenario: Scenario,
  unit: Unit,
  { runs, seed }: Pick<OutputsOptions, "runs" | "seed">,
): { readonly cells: readonly string[]; readonly isMet: boolean } {
  const random = createRandom(seed);
  const counts = { PASS: 0, FAIL: 0, open: 0 };
  for (let run = 0; run < runs; run++) counts[judgeRun(random, scenario, unit)]++;
  const percent = (count: number) => ((100 * count) / runs).toFixed(1);
  const isMet = isKept(scenario, { ...counts, runs });
  const { gate, name, bars } = scenario;
  const found = [percent(counts.PASS), percent(counts.FAIL)];
  const demand = bars.map(barWords).join(", ");
  return { cells: [gate, name, unit.name, ...found, demand, isMet ? "met" : "MISSED"], isMet };
}

function barWords({ of, share }: Bar): string {
  return `${of} ${of === "found" ? "≥" : "≤"} ${100 * share} %`;
}
