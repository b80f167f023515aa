import { appendFileSync, existsSync, readFileSync, truncateSync } from "node:fs";
import type { Run } from "./simulate.ts";

/** Simulated runs in a file: an interrupted simulation continues where it was. */
export interface KeptRuns {
  /** Whether all runs with numbers from `from` to below `to` are there. */
  has(cell: string, from: number, to: number): boolean;
  /** By their numbers: each run once. */
  runsOf(cell: string): ReadonlyMap<number, Run>;
  /** `from`: number of the first run. */
  add(cell: string, from: number, runs: readonly Run[]): void;
}

/** What kept runs depend on. */
export interface RunsOrigin {
  readonly seed: number;
  /** Hash of the code that made them. */
  readonly code: string;
}

interface Line {
  readonly cell: string;
  readonly from: number;
  readonly runs: readonly Run[];
}

/** Opens the file, or starts it. Its first line has their origin: runs of another seed or other code are refused. */
export function openKeptRuns(path: string, { seed, code }: RunsOrigin): KeptRuns {
  const head = `${JSON.stringify({ simulation: "evaluation", seed, code })}\n`;
  if (!existsSync(path)) appendFileSync(path, head);
  const text = readFileSync(path, "utf8");
  const start = JSON.stringify({ simulation: "evaluation", seed }).slice(0, -1);
  const isOfSeed = [",", "}"].some((end) => text.startsWith(start + end));
  if (!isOfSeed) throw new Error(`${path} has no runs of seed ${seed}`);
  if (!text.startsWith(head)) {
    throw new Error(`${path} has runs of other code: remove it, or keep runs in another file`);
  }
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  // What a run that was killed has half written is simulated again.
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const lines = whole
    .slice(head.length)
    .split("\n")
    .filter((line) => line !== "");
  const known = new Map<string, Map<number, Run>>();
  const note = ({ cell, from, runs }: Line) => {
    const ofCell = known.get(cell) ?? new Map<number, Run>();
    for (const [at, run] of runs.entries()) ofCell.set(from + at, run);
    known.set(cell, ofCell);
  };
  for (const line of lines) note(JSON.parse(line) as Line);
  return {
    has(cell, from, to) {
      const ofCell = known.get(cell);
      for (let at = from; at < to; at++) if (ofCell?.has(at) !== true) return false;
      return true;
    },
    runsOf: (cell) => known.get(cell) ?? new Map(),
    add(cell, from, runs) {
      const line: Line = { cell, from, runs };
      appendFileSync(path, `${JSON.stringify(line)}\n`);
      note(line);
    },
  };
}
