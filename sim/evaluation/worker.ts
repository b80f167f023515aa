import { parentPort, workerData } from "node:worker_threads";
import { cells } from "./cells.ts";
import { type Run, simulate } from "./simulate.ts";

/** Runs of one cell, by their numbers. */
export interface Job {
  readonly cell: number;
  readonly from: number;
  readonly to: number;
}

export interface Done {
  readonly job: Job;
  readonly runs: readonly Run[];
}

const port = parentPort;
if (port === null) throw new Error("this file is a worker's");
const { seed } = workerData as { readonly seed: number };

port.on("message", (job: Job) => {
  const cell = cells[job.cell];
  if (cell === undefined) throw new Error(`there is no cell ${job.cell}`);
  const runs: Run[] = [];
  for (let index = job.from; index < job.to; index++) runs.push(simulate(cell, index, seed));
  port.postMessage({ job, runs } satisfies Done);
});
