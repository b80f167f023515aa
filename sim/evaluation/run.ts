import { Worker } from "node:worker_threads";
import type { Cell } from "./cell.ts";
import { cells } from "./cells.ts";
import type { KeptRuns } from "./kept-runs.ts";
import { add, createTally, type Tally } from "./tally.ts";
import type { Done, Job } from "./worker.ts";

export interface RunOptions {
  readonly wanted: readonly Cell[];
  /** Runs of a cell whose share is 1; 0: those that are kept, and no more. */
  readonly runs: number;
  readonly seed: number;
  /** Threads. */
  readonly jobs: number;
  /** Runs of earlier calls, and where new ones go. */
  readonly kept?: KeptRuns;
  /** Ends early: what is there is returned. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly done: number;
  readonly all: number;
  readonly elapsedMs: number;
  readonly leftMs: number;
}

/** Least runs of a cell: fewer say nothing. */
const leastRuns = 4;
/** Runs that a thread gets at once: each is a fraction of a second. */
const runsPerJob = 4;

/** A cell that is analysed once costs a sixth of one that is watched, and its bar needs more runs. */
const runsAtEnd = 4;

function runsOf({ runs: share = 1, looks }: Cell, runs: number): number {
  if (runs === 0) return 0;
  return Math.max(leastRuns, Math.round(runs * share * (looks === "live" ? 1 : runsAtEnd)));
}

/** Simulates cells on several threads. The tallies do not depend on how many there are. */
export async function runCells(options: RunOptions): Promise<readonly Tally[]> {
  const { wanted, runs, seed, jobs, signal, kept } = options;
  const tallies = new Map(wanted.map((cell) => [cells.indexOf(cell), createTally(cell)]));
  for (const tally of tallies.values()) {
    for (const run of kept?.runsOf(tally.cell.name).values() ?? []) add(tally, run);
  }
  // Each cell advances at its own pace: the time left is right, and what an interrupt leaves is even.
  const queue = wanted
    .flatMap((cell) => jobsOf(cells.indexOf(cell), runsOf(cell, runs)))
    .filter(({ cell, from, to }) => kept?.has(cells[cell]?.name ?? "", from, to) !== true)
    .sort((a, b) => a.progress - b.progress);
  const progress = createProgress(queue, options.onProgress);
  const workers = Array.from({ length: Math.min(jobs, queue.length) }, () => startWorker(seed));
  try {
    await Promise.all(
      workers.map(async (worker) => {
        for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
          const done = await ask(worker, job, signal);
          const tally = tallies.get(job.cell);
          if (done === undefined || tally === undefined) return;
          const known = kept?.runsOf(tally.cell.name);
          for (const [at, run] of done.runs.entries()) {
            if (known?.has(job.from + at) !== true) add(tally, run);
          }
          kept?.add(tally.cell.name, job.from, done.runs);
          progress(job);
        }
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return [...tallies.values()];
}

function jobsOf(cell: number, runs: number): readonly (Job & { readonly progress: number })[] {
  return Array.from({ length: Math.ceil(runs / runsPerJob) }, (_, at) => {
    const from = at * runsPerJob;
    return { cell, from, to: Math.min(runs, from + runsPerJob), progress: from / runs };
  });
}

function startWorker(seed: number): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: { seed },
    execArgv: ["--conditions=@umbra/source"],
  });
}

/** The worker's answer; undefined when the signal came first. */
function ask(worker: Worker, job: Job, signal?: AbortSignal): Promise<Done | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return resolve(undefined);
    const finish = () => {
      worker.off("message", onMessage);
      worker.off("error", onError);
      signal?.removeEventListener("abort", onAbort);
    };
    const onMessage = (done: Done) => {
      finish();
      resolve(done);
    };
    const onError = (cause: Error) => {
      finish();
      reject(cause);
    };
    const onAbort = () => {
      finish();
      resolve(undefined);
    };
    worker.on("message", onMessage);
    worker.on("error", onError);
    signal?.addEventListener("abort", onAbort);
    worker.postMessage(job);
  });
}

function createProgress(queue: readonly Job[], onProgress: RunOptions["onProgress"]) {
  const all = queue.reduce((sum, { from, to }) => sum + to - from, 0);
  const startedMs = performance.now();
  let done = 0;
  return ({ from, to }: Job) => {
    done += to - from;
    const elapsedMs = performance.now() - startedMs;
    onProgress?.({ done, all, elapsedMs, leftMs: (elapsedMs / done) * (all - done) });
  };
}
